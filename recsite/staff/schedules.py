"""Periodic jobs as they stand: what each does, when, how the last run ended, and whether the next one is overdue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import OuterRef, Subquery
from django_celery_beat.models import PeriodicTask

from recsite.models import JobRun
from recsite.staff import spans

_LEAST_PATIENCE, _MOST_PATIENCE = timedelta(minutes=2), timedelta(hours=1)
"""A run waits for a worker, so it is not late at once: it may be by as much again as lies between two runs."""


@dataclass(frozen=True)
class Standing:
    """last: its newest run, by schedule or by hand; None before the first one, or where that was deleted.
    due: None where it is switched off, or nothing tells when."""

    job: PeriodicTask
    last: JobRun | None
    due: datetime | None
    is_late: bool

    @property
    def failed(self) -> bool:
        return self.last is not None and self.last.state == JobRun.State.FAILED


def standings(*, now: datetime) -> list[Standing]:
    """Of every periodic job, by name. Two queries."""
    last = JobRun.objects.filter(task=OuterRef("task")).order_by("-started_at", "-pk")
    jobs = (
        PeriodicTask.objects.select_related("interval", "crontab")
        .annotate(last_run_id=Subquery(last.values("pk")[:1]))
        .order_by("name")
    )
    return _standing(list(jobs), now)


def standing_of(job: PeriodicTask, *, now: datetime) -> Standing:
    job.last_run_id = JobRun.objects.filter(task=job.task).values_list("pk", flat=True).first()
    return _standing([job], now)[0]


def _standing(jobs: Iterable[PeriodicTask], now: datetime) -> list[Standing]:
    runs = JobRun.objects.defer("log").in_bulk([job.last_run_id for job in jobs if job.last_run_id is not None])
    found = []
    for job in jobs:
        last = runs.get(job.last_run_id)
        due = _due(job, last, now)
        runs_now = last is not None and last.state == JobRun.State.RUNNING
        is_late = due is not None and not runs_now and now - due > _patience(job)
        found.append(Standing(job, last, due, is_late))
    return found


def _due(job: PeriodicTask, last: JobRun | None, now: datetime) -> datetime | None:
    """The scheduler writes only now and then when it sent a job last, so a newer run tells more."""
    if not job.enabled:
        return None
    sent = job.last_run_at
    every = interval_of(job)
    if every is not None and sent is not None and now - sent < every:
        return sent + every  # whatever was run by hand since
    began = None if last is None else last.started_at
    since: datetime = max((moment for moment in (sent, began) if moment is not None), default=job.date_changed)
    if every is not None:
        return since + every
    if job.crontab is None:
        return None
    start, wait, _ = job.crontab.schedule.remaining_delta(since)
    due: datetime = start + wait
    return due


def is_ours(job: PeriodicTask) -> bool:
    """Celery has one of its own, which clears away old results."""
    return bool(job.task.startswith("recsite."))


def interval_of(job: PeriodicTask) -> timedelta | None:
    """None for a job that runs by the clock."""
    interval = job.interval
    if interval is None:
        return None
    return timedelta(**{interval.period: interval.every})


def _patience(job: PeriodicTask) -> timedelta:
    every = interval_of(job)
    return _MOST_PATIENCE if every is None else min(max(every, _LEAST_PATIENCE), _MOST_PATIENCE)


# --- in words ---


def when(job: PeriodicTask) -> str:
    """`every 2 minutes`, or `at 03:10 UTC`."""
    every = interval_of(job)
    if every is not None:
        return f"every {spans.exactly(every)}"
    if job.crontab is None:
        return "by another kind of schedule"
    words = job.crontab.human_readable
    return words[:1].lower() + words[1:]


def what(task: str) -> str:
    """What a task does: the first sentence of its docstring, or "" for a task that this code does not have."""
    import recsite.tasks  # noqa: F401, PLC0415
    from recsite.celery import app  # noqa: PLC0415 - and its tasks

    found = app.tasks.get(task)
    text = " ".join((getattr(found, "__doc__", None) or "").split())
    sentence, stop, _ = text.partition(". ")
    return sentence + stop.strip()
