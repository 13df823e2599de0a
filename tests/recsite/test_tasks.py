"""Jobs as a real worker runs them, sent through a real Redis."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django_celery_results.models import TaskResult

from feedback.interactions import record_state
from feedback.kinds import Kind
from feedback.models import CountSnapshot
from feedback.partitions import TABLES, Month, partitions
from recsite import clock, tasks
from recsite.celery import app
from recsite.models import JobRun, SourceSnapshot, TrainingRun
from recsite.popularity import POPULARITY_KEY
from recsite.training.locks import advisory_lock
from tests.addresses import url_of_test_database
from tests.factories import make_interaction, make_item, make_reader
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[None]:
    """A worker on the database of the tests."""
    yield from _worker_of("default", tmp_path)


@pytest.fixture
def training_worker(tmp_path: Path) -> Iterator[None]:
    """One that trains, on the same."""
    yield from _worker_of("training", tmp_path)


def _worker_of(queue: str, tmp_path: Path) -> Iterator[None]:
    app.control.purge()  # what tests before sent and nobody took
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "recsite.celery", "worker", "--pool", "solo", "--queues", queue],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": url_of_test_database()},
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: app.control.inspect(timeout=1).ping(), "the worker answers")
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_a_worker_counts_what_is_popular_and_keeps_it_for_the_web_processes(worker: None) -> None:
    item = make_item()
    record_state(reader=make_reader(), kind=Kind.SAVE, about=item, now=clock.now() - timedelta(hours=1))
    sent = tasks.refresh_popularity.delay()
    wait_until(lambda: TaskResult.objects.filter(task_id=sent.id, status="SUCCESS").exists(), "the job is done")
    wait_until(lambda: JobRun.objects.filter(task_id=sent.id, state="done").exists(), "its run is written down")
    assert JobRun.objects.get(task_id=sent.id).task == "recsite.tasks.refresh_popularity"
    counted_at, counted = cache.get(POPULARITY_KEY)
    assert [item_id for item_id, _ in counted] == [item.pk]
    assert counted_at <= clock.now()


def test_expired_sessions_are_cleared_and_others_stay(worker: None) -> None:
    now = clock.now()
    for name, age in (("old", timedelta(days=1)), ("new", timedelta(days=-1))):
        Session.objects.create(session_key=name, session_data="", expire_date=now - age)
    sent = tasks.clear_sessions.delay()
    wait_until(lambda: TaskResult.objects.filter(task_id=sent.id, status="SUCCESS").exists(), "the job is done")
    assert list(Session.objects.values_list("session_key", flat=True)) == ["new"]


def test_the_log_gets_room_for_months_to_come_and_a_snapshot_of_its_counts() -> None:
    tasks.keep_log()
    next_month = Month.of(clock.now()).following()
    assert all(next_month in partitions(table) for table in TABLES)
    make_interaction(make_reader(), "like", item := make_item(), happened_at=clock.now() - timedelta(minutes=5))
    as_of = tasks.refresh_sources()
    snapshot = CountSnapshot.objects.get(as_of=as_of, window="hour")
    assert (snapshot.item_ids, snapshot.likes) == ([item.pk], [1])
    popular = SourceSnapshot.objects.get(as_of=as_of, source="popular")
    assert popular.item_ids == [item.pk]


def test_where_nothing_is_live_there_is_nothing_to_embed_and_nothing_to_prune() -> None:
    make_item()
    assert (tasks.embed_new_items(), tasks.prune_releases()) == (0, [])


def test_trainings_go_to_their_own_queue_end_in_time_and_are_not_sent_again_after_a_crash() -> None:
    for task in (tasks.retrain_retriever, tasks.retrain_reranker):
        assert app.amqp.router.route({}, task.name)["queue"].name == "training"
        assert task.acks_late is False
        assert task.soft_time_limit < task.time_limit


def test_a_training_worker_trains_and_leaves_a_row_of_it(training_worker: None) -> None:
    sent = tasks.retrain_retriever.delay()
    wait_until(lambda: TaskResult.objects.filter(task_id=sent.id, status="SUCCESS").exists(), "the job is done")
    run = TrainingRun.objects.get()
    assert (run.kind, run.state) == ("retriever", "skipped")
    assert run.outcome in TaskResult.objects.get(task_id=sent.id).result


def test_two_trainings_of_a_kind_started_together_do_not_both_train() -> None:
    with advisory_lock(1):
        assert "under way already" in tasks.retrain_retriever()
    assert TrainingRun.objects.count() == 0


def test_every_scheduled_job_exists() -> None:
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert scheduled <= set(app.tasks)


def test_whoever_only_names_tasks_loads_nothing_that_reads_in_bulk() -> None:
    program = (
        "import django, sys; django.setup()\n"
        "import recsite.celery, recsite.tasks; from django.contrib import admin; admin.autodiscover()\n"
        "print(*{'polars', 'pyarrow', 'faiss', 'adbc_driver_manager', 'torch', 'lightgbm'} & set(sys.modules))"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "recsite.settings"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == []
