"""The scheduler of periodic jobs: django-celery-beat's, which leaves alone what staff changed, and which also ends when
it is told to in the middle of a query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler


class Scheduler(DatabaseScheduler):
    """The settings write a job's row once. The original does so at every start, and with it undoes what staff changed.

    Celery saves the schedule in its handler of SIGTERM, in the very thread that the signal interrupts. Inside a
    query that thread holds the lock of the connection, and would wait for itself for ever. What is not saved then is
    when a job ran last: it may run once more after the next start, and every job may run twice.
    """

    _is_busy = False

    def update_from_dict(self, mapping: Mapping[str, Any]) -> None:
        known = set(PeriodicTask.objects.filter(name__in=mapping).values_list("name", flat=True))
        super().update_from_dict({name: entry for name, entry in mapping.items() if name not in known})

    def tick(self, *args: Any, **kwargs: Any) -> float:
        with self._busy():
            seconds: float = super().tick(*args, **kwargs)
        return seconds

    def sync(self) -> None:
        with self._busy():
            super().sync()

    def close(self) -> None:
        if not self._is_busy:
            super().close()

    @contextmanager
    def _busy(self) -> Iterator[None]:
        before, self._is_busy = self._is_busy, True
        try:
            yield
        finally:
            self._is_busy = before
