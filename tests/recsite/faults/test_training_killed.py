"""A worker that is killed while it trains, and one that is asked to train twice at once."""

from __future__ import annotations

import functools
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django_celery_results.models import TaskResult

from recsite import clock
from recsite.models import Release, TrainingRun
from recsite.releases.registry import live_release, roll_back
from recsite.releases.store import ArtefactStore
from tests.recsite.faults.releases import assert_none_is_half, assert_tidy, wait_ended
from tests.recsite.faults.training_worker import QUICK, TrainingWorker
from tests.recsite.faults.web import Web
from tests.recsite.training.known_world import choice_of
from tests.waiting import wait_until

SEED = 6
ANYWHERE, STORING = 6, 4
"""So many are killed at any moment of a training, and so many near its end, where files and rows are written; the last
one together with its worker."""

STORED_WITHIN_S = 0.1
LEAST_LOST = 3
"""Some may be over before their moment comes."""

State = TrainingRun.State
_pause = threading.Event()


@pytest.fixture
def worker(live: Release, tmp_path: Path) -> Iterator[TrainingWorker]:
    worker = TrainingWorker(tmp_path / "worker", processes=2, include=[QUICK])
    try:
        yield worker
    finally:
        worker.stop()


def somebody_chooses_something() -> None:
    """So that there is something new to learn from."""
    choice_of(1, 100, clock.now(), kind="click").save()


def test_a_worker_killed_at_ten_random_moments_leaves_no_half_release_and_of_two_trainings_then_asked_for_one_trains(
    worker: TrainingWorker, web: Web, live: Release, files: ArtefactStore, tmp_path: Path
) -> None:
    rng = random.Random(SEED)
    with web.readers():
        took_s = whole_training_s(worker)
        lost = []
        for number in range(ANYWHERE + STORING):
            if live_release() != live:
                roll_back(by="test", reason="Once more.", now=clock.now())
            somebody_chooses_something()
            run = worker.train()
            if number < ANYWHERE:
                _pause.wait(rng.uniform(0, took_s))
            else:
                wait_until(functools.partial(is_to_be_promoted, run), "the gate's verdict", found=worker.log)
                _pause.wait(rng.uniform(0, STORED_WITHIN_S))
            is_last = number + 1 == ANYWHERE + STORING
            (worker.kill_all if is_last else worker.kill)(run)
            assert_none_is_half(files)
            run.refresh_from_db()
            lost += [run.pk] if run.state == State.RUNNING else []
        assert len(lost) >= LEAST_LOST

        worker.start()
        of_two_one_trains(worker)
        assert set(TrainingRun.objects.filter(pk__in=lost).values_list("state", flat=True)) == {State.LOST}
        assert_none_is_half(files)
        assert_tidy(files)
        assert not list((tmp_path / "worker" / "training").iterdir())


def whole_training_s(worker: TrainingWorker) -> float:
    """How long one takes that is left alone."""
    somebody_chooses_something()
    run = wait_ended(worker.train())
    assert run.state == State.PROMOTED, run.log
    assert run.finished_at is not None
    return (run.finished_at - run.started_at).total_seconds()


def is_to_be_promoted(run: TrainingRun) -> bool:
    return "promote:" in TrainingRun.objects.values_list("log", flat=True).get(pk=run.pk)


def of_two_one_trains(worker: TrainingWorker) -> None:
    """Both are asked for before the worker has begun either; it has a process for each."""
    answered = TaskResult.objects.filter(status="SUCCESS").count()
    runs = TrainingRun.objects.count()
    somebody_chooses_something()
    worker.ask()
    worker.train()
    wait_until(
        lambda: TaskResult.objects.filter(status="SUCCESS").count() == answered + 2, "both answered", found=worker.log
    )
    said = list(TaskResult.objects.filter(status="SUCCESS").order_by("-date_done").values_list("result", flat=True)[:2])
    assert sum("is under way already" in answer for answer in said) == 1, said
    assert TrainingRun.objects.count() == runs + 1
