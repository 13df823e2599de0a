from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from billiard.exceptions import WorkerLostError
from celery import Task, signals
from celery.app.task import Context
from celery.worker.request import Request

from recsite import clock, job_runs
from recsite.celery import app
from recsite.models import JobRun
from tests.factories import NOW

pytestmark = pytest.mark.django_db
logger = logging.getLogger("recsite.tests.job_runs")


@pytest.fixture(autouse=True)
def connected(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a worker."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    before = {
        signal: list(signal.receivers)
        for signal in (
            signals.task_prerun,
            signals.task_postrun,
            signals.task_failure,
            signals.task_revoked,
            signals.worker_ready,
        )
    }
    job_runs.connect()
    yield
    for signal, receivers in before.items():
        signal.receivers[:] = receivers
        signal.sender_receivers_cache.clear()


def run(work: Any) -> JobRun:
    """Do it as a task, here and now."""
    task = app.task(work, name=f"tests.{work.__name__}", bind=False)
    try:
        task.apply(task_id="the-run")
    finally:
        app.tasks.pop(task.name)
    return JobRun.objects.get(task_id="the-run")


def rest() -> None:
    pass


def test_a_run_says_what_it_returned_and_when() -> None:
    def count() -> int:
        assert JobRun.objects.get().state == "running"
        return 12

    row = run(count)
    assert (row.task, row.state, row.result) == ("tests.count", "done", "12")
    assert (row.started_at, row.finished_at) == (NOW, NOW)
    assert row.worker


def test_a_run_that_returns_nothing_says_nothing() -> None:
    assert run(rest).result == ""


def test_a_failed_run_keeps_its_error_and_the_traceback() -> None:
    def break_down() -> None:
        raise LookupError("no such shelf")

    row = run(break_down)
    assert (row.state, row.result) == ("failed", "LookupError: no such shelf")
    assert "in break_down" in row.log


def test_the_log_of_a_run_is_its_last_fifty_lines() -> None:
    def talk() -> None:
        for number in range(80):
            logger.warning("line %d", number)

    lines = run(talk).log.splitlines()
    assert len(lines) == 50
    assert lines[0].endswith("WARNING line 30")
    assert lines[-1].endswith("WARNING line 79")


def test_what_others_log_at_the_same_time_is_not_the_runs() -> None:
    def work() -> None:
        thread = threading.Thread(target=logger.warning, args=("from elsewhere",))
        thread.start()
        thread.join()
        logger.warning("from here")

    log = run(work).log
    assert "from here" in log
    assert "from elsewhere" not in log


def test_nothing_listens_after_the_run() -> None:
    before = list(logging.getLogger().handlers)
    run(rest)
    assert logging.getLogger().handlers == before


def test_a_run_may_log_and_return_what_a_database_does_not_take() -> None:
    def odd() -> str:
        logger.warning("zero \0 here")
        return "a\0b"

    row = run(odd)
    assert row.result == "ab"
    assert "zero  here" in row.log


def make_run(**fields: Any) -> JobRun:
    values = {"task": "recsite.tasks.keep_log", "worker": "default@here", "started_at": NOW, "task_id": "one"}
    return JobRun.objects.create(**values | fields)


def test_a_task_that_comes_again_begins_its_row_anew() -> None:
    make_run(task_id="the-run", state="failed", result=job_runs.NO_WORD, finished_at=NOW, log="old")

    def count() -> int:
        return 3

    row = run(count)
    assert (row.state, row.result, row.log) == ("done", "3", "")


def test_a_process_that_was_killed_is_a_failure_of_its_task() -> None:
    row = make_run()
    signals.task_failure.send(sender=None, task_id="one", exception=WorkerLostError("signal 9 (SIGKILL)"))
    row.refresh_from_db()
    assert (row.state, row.finished_at) == ("failed", NOW)
    assert "SIGKILL" in row.result


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"expired": True}, job_runs.TOO_LATE),
        ({"terminated": True, "signum": 15}, job_runs.STOPPED),
        ({}, job_runs.STOPPED),
    ],
)
def test_a_run_that_comes_again_too_late_or_is_called_off_is_over(how: dict[str, Any], reason: str) -> None:
    row, other = make_run(), make_run(task_id="two")
    facts = {"terminated": False, "signum": None, "expired": False} | how
    signals.task_revoked.send(sender=None, request=Context(id="one"), **facts)
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.state, row.finished_at, row.result) == ("failed", NOW, reason)
    assert other.state == "running"


def test_what_had_ended_already_stays_as_it_was_and_what_never_ran_gets_no_row() -> None:
    done = make_run(state="done", result="12", finished_at=NOW - timedelta(hours=1))
    for task_id in ("one", "never-ran"):
        signals.task_revoked.send(sender=None, request=Context(id=task_id), terminated=False, signum=None, expired=True)
    done.refresh_from_db()
    assert (done.state, done.result) == ("done", "12")
    assert JobRun.objects.count() == 1


def test_a_worker_says_so_of_a_message_that_came_again_too_late() -> None:
    """As Celery itself reads it: with the time until which it was good among its headers."""
    row = make_run()
    task = app.task(rest, name="tests.rest", bind=False)
    message = _message(task, task_id="one", expires=NOW - timedelta(days=3_650))
    try:
        assert Request(message, app=app, task=task, hostname="default@here").revoked()
    finally:
        app.tasks.pop(task.name)
    row.refresh_from_db()
    assert (row.state, row.result) == ("failed", job_runs.TOO_LATE)


def _message(task: Task, *, task_id: str, expires: datetime) -> Any:
    headers = {"id": task_id, "task": task.name, "lang": "py", "expires": expires.isoformat(), "root_id": task_id}
    body = ((), {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None})
    return Mock(
        headers=headers, properties={}, decoded=True, payload=body, body=body, content_type="", delivery_info={}
    )


def test_a_worker_that_begins_ends_what_ran_under_its_name() -> None:
    mine, others = make_run(), make_run(task_id="two", worker="default@elsewhere")
    done = make_run(task_id="three", state="done")
    signals.worker_ready.send(sender=Mock(hostname="default@here"))
    states = JobRun.objects.in_bulk([mine.pk, others.pk, done.pk])
    assert [states[row.pk].state for row in (mine, others, done)] == ["failed", "running", "done"]
    assert states[mine.pk].result == job_runs.NO_WORD


def test_runs_older_than_thirty_days_are_deleted() -> None:
    make_run(state="done", started_at=NOW - timedelta(days=30, seconds=1))
    make_run(task_id="two", state="done", started_at=NOW - timedelta(days=29))
    assert job_runs.clear_old(now=NOW) == 1
    assert JobRun.objects.get().task_id == "two"


def test_what_has_run_longer_than_any_task_may_is_lost() -> None:
    make_run(started_at=NOW - timedelta(hours=7))
    make_run(task_id="two", started_at=NOW - timedelta(hours=5))
    job_runs.clear_old(now=NOW)
    assert dict(JobRun.objects.values_list("task_id", "state")) == {"one": "failed", "two": "running"}
