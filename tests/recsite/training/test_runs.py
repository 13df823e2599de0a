"""Trainings one at a time, each with a row that says how it ended, whatever ended it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
from celery.exceptions import SoftTimeLimitExceeded

from recsite.models import TrainingRun
from recsite.training.locks import advisory_lock
from recsite.training.runs import AlreadyTraining, LockLost, training_run
from tests.addresses import url_of_test_database
from tests.factories import NOW
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
RETRIEVER, RERANKER = TrainingRun.Kind.RETRIEVER, TrainingRun.Kind.RERANKER
ROOT = Path(__file__).resolve().parents[3]

TRAINS_UNTIL_KILLED = """
import django; django.setup()
import signal
from datetime import UTC, datetime
from pathlib import Path
from recsite.training.runs import training_run
import sys
with training_run("retriever", now=datetime(2026, 3, 1, tzinfo=UTC), scratch=Path(sys.argv[1])) as run:
    (run.folder / "half").write_text("half")
    run.say("begun")
    signal.pause()
"""


def test_a_run_leaves_its_outcome_its_log_and_no_files(tmp_path: Path) -> None:
    heard: list[str] = []
    with training_run(RETRIEVER, now=NOW, scratch=tmp_path, echo=heard.append) as run:
        assert Path(tempfile.mkdtemp()).parent == run.folder
        run.say("one")
        run.say("two")
        run.finish(TrainingRun.State.SKIPPED, "Nothing new.")
    row = TrainingRun.objects.get()
    assert (row.state, row.outcome) == ("skipped", "Nothing new.")
    assert [line.split(" ", 1)[1] for line in row.log.splitlines()] == ["one", "two"] == heard
    assert row.finished_at is not None
    assert row.finished_at > row.started_at == NOW
    assert list(tmp_path.iterdir()) == []
    assert Path(tempfile.gettempdir()).exists()


def test_a_second_training_of_the_kind_is_refused_and_of_the_other_kind_is_not(tmp_path: Path) -> None:
    with training_run(RETRIEVER, now=NOW, scratch=tmp_path) as first:
        with pytest.raises(AlreadyTraining, match="retriever"), training_run(RETRIEVER, now=NOW, scratch=tmp_path):
            pass
        with training_run(RERANKER, now=NOW, scratch=tmp_path) as other:
            other.finish(TrainingRun.State.SKIPPED, "Nothing new.")
        assert first.folder.is_dir()
        first.finish(TrainingRun.State.SKIPPED, "Nothing new.")
    with training_run(RETRIEVER, now=NOW, scratch=tmp_path) as again:
        again.finish(TrainingRun.State.SKIPPED, "Nothing new.")
    assert TrainingRun.objects.count() == 3


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no items"), "ValueError: no items"),
        (KeyboardInterrupt(), "Stopped (KeyboardInterrupt)."),
        (SystemExit(143), "Stopped (SystemExit)."),
        (SoftTimeLimitExceeded(), "Stopped: its time limit passed."),
    ],
)
def test_whatever_ends_a_run_is_its_outcome(tmp_path: Path, error: BaseException, said: str) -> None:
    with pytest.raises(type(error)), training_run(RETRIEVER, now=NOW, scratch=tmp_path):
        raise error
    row = TrainingRun.objects.get()
    assert (row.state, row.outcome) == ("failed", said)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_ends_without_a_word_did_not_succeed(tmp_path: Path) -> None:
    with training_run(RETRIEVER, now=NOW, scratch=tmp_path):
        pass
    assert TrainingRun.objects.get().state == "failed"


def test_a_killed_training_frees_its_lock_and_the_next_one_clears_up_after_it(tmp_path: Path) -> None:
    environment = os.environ | {"DATABASE_URL": url_of_test_database(), "DJANGO_SETTINGS_MODULE": "recsite.settings"}
    process = subprocess.Popen([sys.executable, "-c", TRAINS_UNTIL_KILLED, str(tmp_path)], cwd=ROOT, env=environment)
    try:
        wait_until(lambda: TrainingRun.objects.exclude(log="").exists(), "the training has begun")
        with pytest.raises(AlreadyTraining), training_run(RETRIEVER, now=NOW, scratch=tmp_path):
            pass
        assert (tmp_path / "retriever" / "half").exists()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_until(_is_free, "PostgreSQL noticed")
    with training_run(RETRIEVER, now=NOW, scratch=tmp_path) as run:
        assert list(run.folder.iterdir()) == []
        run.finish(TrainingRun.State.SKIPPED, "Nothing new.")
    assert list(TrainingRun.objects.order_by("pk").values_list("state", flat=True)) == ["lost", "skipped"]


def _is_free() -> bool:
    with advisory_lock(1) as lock:
        return lock is not None


def test_a_run_whose_lock_is_gone_says_so_before_anything_goes_live(tmp_path: Path) -> None:
    def loses_its_lock() -> None:
        with training_run(RETRIEVER, now=NOW, scratch=tmp_path) as run:
            run.check_alone()
            with psycopg.connect(url_of_test_database(), autocommit=True) as session:
                session.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
            wait_until(_is_free, "PostgreSQL ended that session")
            run.check_alone()

    with pytest.raises(LockLost):
        loses_its_lock()
    assert TrainingRun.objects.get().outcome.startswith("LockLost")
