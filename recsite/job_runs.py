"""Every run of a task by a worker is written down: when, by which worker, what came of it, and what it logged last.

Celery's signals call this, in workers only (`recsite.celery`). What goes wrong here does a task no harm: Celery logs
what a receiver raises and goes on.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from datetime import datetime, timedelta
from typing import Any

from celery import Task, signals, states

from recsite import clock
from recsite.models import JobRun

KEPT = timedelta(days=30)
LOST_AFTER = timedelta(hours=6)
"""No task may take so long, so the worker of one that still runs is gone, with its machine perhaps."""
NO_WORD = "Its worker ended without a word."
TOO_LATE = "Its worker was lost, and when it was sent again it was too late to run."
STOPPED = "It was called off."

LINES = 50
_LINE_CHARS = 500
_TOLD_BY = "celery.app.trace"
"""Tells the tracebacks of failures, and of every success that it was one, which the row says."""
_RESULT_CHARS = 2_000


class Tail(logging.Handler):
    """Keeps the last lines that the thread which made it has logged since."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()
        self._lines: deque[str] = deque(maxlen=LINES)
        formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread != self._thread or (record.name == _TOLD_BY and record.levelno < logging.WARNING):
            return
        try:
            self._lines.extend(line[:_LINE_CHARS] for line in self.format(record).splitlines())
        except Exception:  # as every handler does: a message that cannot be written stops nothing
            self.handleError(record)

    def text(self) -> str:
        return "\n".join(self._lines).replace("\0", "")


_tails: dict[str, Tail] = {}
"""Of the tasks that this process runs at the moment, by task id."""


def connect() -> None:
    """From now on this process, and what it forks, writes down its runs."""
    signals.task_prerun.connect(begin)
    signals.task_postrun.connect(end)
    signals.task_failure.connect(fail)
    signals.task_revoked.connect(give_up)
    signals.worker_ready.connect(note_lost)


def begin(task_id: str, task: Task, **_kwargs: Any) -> None:
    """A task whose worker was lost comes again under the same id: then its row begins anew."""
    _listen(task_id)
    JobRun.objects.update_or_create(
        task_id=task_id,
        defaults={
            "task": task.name,
            "worker": task.request.hostname or socket.gethostname(),
            "state": JobRun.State.RUNNING,
            "started_at": clock.now(),
            "finished_at": None,
            "result": "",
            "log": "",
        },
    )


def end(task_id: str, retval: Any = None, state: str | None = None, **_kwargs: Any) -> None:
    log = _stop_listening(task_id)
    if state == states.FAILURE:
        _write(task_id, state=JobRun.State.FAILED, result=_said(retval), log=log)
    else:
        _write(task_id, state=JobRun.State.DONE, result="" if retval is None else str(retval), log=log)


def fail(task_id: str, exception: BaseException, **_kwargs: Any) -> None:
    """Also called by the worker itself where the process of a task was killed, which then cannot say how it ended."""
    _write(task_id, state=JobRun.State.FAILED, result=_said(exception))


def give_up(request: Any, *, expired: bool = False, **_kwargs: Any) -> None:
    """Of a task that a worker was sent and will not run, or not to its end; mostly it never began and has no row."""
    _end_running(clock.now(), TOO_LATE if expired else STOPPED, task_id=request.id)


def note_lost(sender: Any, **_kwargs: Any) -> None:
    """A worker that begins runs nothing: what stands there as running under its name was ended with it."""
    _end_running(clock.now(), NO_WORD, worker=sender.hostname)


def clear_old(*, now: datetime) -> int:
    """Delete runs older than `KEPT`, and end those that no worker can be at any more. Returns how many were deleted."""
    _end_running(now, NO_WORD, started_at__lt=now - LOST_AFTER)
    return JobRun.objects.filter(started_at__lt=now - KEPT).delete()[0]


def _end_running(now: datetime, why: str, **which: Any) -> None:
    JobRun.objects.filter(state=JobRun.State.RUNNING, **which).update(
        state=JobRun.State.FAILED, finished_at=now, result=why
    )


def _write(task_id: str, *, result: str, **values: Any) -> None:
    result = result.replace("\0", "")[:_RESULT_CHARS]  # PostgreSQL takes no zeros
    JobRun.objects.filter(task_id=task_id).update(finished_at=clock.now(), result=result, **values)


def _said(error: object) -> str:
    return f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else str(error)


def _listen(task_id: str) -> None:
    tail = _tails[task_id] = Tail()
    logging.getLogger().addHandler(tail)


def _stop_listening(task_id: str) -> str:
    tail = _tails.pop(task_id, None)
    if tail is None:
        return ""
    logging.getLogger().removeHandler(tail)
    return tail.text()
