"""One training of a kind at a time, and a row that says what became of each."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, connection
from django.db.models import Value
from django.db.models.functions import Concat

from recsite.models import Release, TrainingRun
from recsite.training.locks import Lock, advisory_lock

_LOCK_NUMBERS = {TrainingRun.Kind.RETRIEVER: 1, TrainingRun.Kind.RERANKER: 2}
_OUTCOME_MAX_CHARS = 2_000

logger = logging.getLogger(__name__)


class AlreadyTraining(Exception):
    """Another process trains a model of this kind."""


class LockLost(Exception):
    """The session that held the lock is gone, so another training may have begun."""


class Run:
    """A training under way. folder: for its files; it is empty at the start and gone at the end, and temporary files
    are made in it too."""

    def __init__(self, row: TrainingRun, folder: Path, lock: Lock, echo: Callable[[str], None]) -> None:
        self.row = row
        self.folder = folder
        self._lock = lock
        self._echo = echo
        self._began_s = time.perf_counter()

    def say(self, text: str) -> None:
        """Add a line to the log, with its time."""
        self._echo(text)  # first, so that whoever draws a bar can take it away before a line of the log
        logger.info("%s training: %s", self.row.kind, text)
        line = f"{self.moment():%H:%M:%S} {text}\n"
        TrainingRun.objects.filter(pk=self.row.pk).update(log=Concat("log", Value(line)))

    def moment(self) -> datetime:
        """The training's `now`, gone on since it began."""
        return self.row.started_at + timedelta(seconds=time.perf_counter() - self._began_s)

    def check_alone(self) -> None:
        """To be asked before anything goes live. Raises `LockLost`."""
        try:
            self._lock.check()
        except psycopg.Error as error:
            raise LockLost(
                "The database session with the lock of this training ended, so another may have begun. "
                "Nothing was promoted; run it again."
            ) from error

    def finish(self, state: TrainingRun.State, outcome: str, release: Release | None = None) -> None:
        self._write(state, outcome, release)

    def fail(self, error: BaseException) -> None:
        """Keep the cause, on a new connection where the exception left the old one in the middle of something."""
        try:
            self._write(TrainingRun.State.FAILED, _cause(error), None)
        except DatabaseError:
            connection.close()
            self._write(TrainingRun.State.FAILED, _cause(error), None)

    def _write(self, state: TrainingRun.State, outcome: str, release: Release | None) -> None:
        self.row.state, self.row.outcome, self.row.release = state, outcome[:_OUTCOME_MAX_CHARS], release
        self.row.finished_at = self.moment()
        self.row.save(update_fields=["state", "outcome", "release", "finished_at"])


@contextmanager
def training_run(
    kind: TrainingRun.Kind, *, now: datetime, scratch: Path, echo: Callable[[str], None] = lambda text: None
) -> Iterator[Run]:
    """Alone of its kind from here to the end; whatever ends it is written down.

    scratch: a folder for all trainings of this machine. What a run that died left in it is removed, and its row says
    that it was lost. Raises `AlreadyTraining`.
    """
    with advisory_lock(_LOCK_NUMBERS[kind]) as lock:
        if lock is None:
            raise AlreadyTraining(f"A {kind} training is under way already. Try again when it has ended.")
        _note_lost(kind, now)
        row = TrainingRun.objects.create(kind=kind, started_at=now, process=f"{socket.gethostname()} {os.getpid()}")
        with _temporary(scratch / kind) as folder:
            run = Run(row, folder, lock, echo)
            try:
                yield run
            except BaseException as error:
                run.fail(error)
                raise
            if row.state == TrainingRun.State.RUNNING:
                run.finish(TrainingRun.State.FAILED, "It ended without saying how.")


def _note_lost(kind: TrainingRun.Kind, now: datetime) -> None:
    """Who holds the lock knows that no other run of this kind lives."""
    TrainingRun.objects.filter(kind=kind, state=TrainingRun.State.RUNNING).update(
        state=TrainingRun.State.LOST, finished_at=now, outcome="Its process ended without a word."
    )


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """An empty folder, where temporary files of this process go too, so that a killed training leaves them where the
    next one clears up."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)


def _cause(error: BaseException) -> str:
    if isinstance(error, SoftTimeLimitExceeded):
        return "Stopped: its time limit passed."
    if not isinstance(error, Exception):
        return f"Stopped ({type(error).__name__})."
    return f"{type(error).__name__}: {error}"
