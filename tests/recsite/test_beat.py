from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from django.conf import settings
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from recsite import celery
from recsite.beat import Scheduler
from tests.factories import NOW

# In transactions of its own: the scheduler closes connections that are old.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """With one job that ran just now, of which the database does not know yet."""
    hourly = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.HOURS)
    PeriodicTask.objects.create(name="hourly", task="recsite.tasks.refresh_popularity", interval=hourly)
    scheduler = Scheduler(app=celery.app)
    assert "hourly" in scheduler.schedule
    scheduler.schedule["hourly"].model.last_run_at = NOW
    scheduler._dirty.add("hourly")
    yield scheduler
    scheduler._finalize.cancel()  # it saves once more when the process ends, and then there is no database any more


def last_run() -> datetime | None:
    return PeriodicTask.objects.get(name="hourly").last_run_at


@pytest.mark.parametrize("interrupted", ["tick", "sync"])
def test_a_signal_in_the_middle_of_a_query_does_not_begin_another(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, interrupted: str
) -> None:
    def terminated(self: DatabaseScheduler) -> float:
        monkeypatch.undo()
        self.close()  # as Celery's handler does
        assert last_run() is None
        return 5.0

    monkeypatch.setattr(DatabaseScheduler, interrupted, terminated)
    call: Callable[[], object] = getattr(scheduler, interrupted)
    call()


def test_between_two_ticks_the_schedule_is_saved_at_the_end(scheduler: Scheduler) -> None:
    scheduler.close()
    assert last_run() == NOW


def begin() -> set[str]:
    """As the scheduler does when it is started. Returns the names of the jobs that it will send."""
    scheduler = Scheduler(app=celery.app)
    scheduler._finalize.cancel()
    return set(scheduler.schedule)


def test_the_first_start_writes_the_schedule_of_the_settings() -> None:
    assert begin() >= set(settings.CELERY_BEAT_SCHEDULE)
    assert PeriodicTask.objects.get(name="refresh-sources").interval.every == 120


def test_what_staff_changed_stays_changed_when_the_scheduler_starts_again() -> None:
    begin()
    rarely = IntervalSchedule.objects.create(every=6, period=IntervalSchedule.HOURS)
    PeriodicTask.objects.filter(name="retrain-reranker").update(interval=rarely)
    PeriodicTask.objects.filter(name="embed-new-items").update(enabled=False)
    assert "embed-new-items" not in begin()
    assert PeriodicTask.objects.get(name="retrain-reranker").interval == rarely


def test_a_schedule_that_was_deleted_comes_back_as_the_settings_have_it() -> None:
    begin()
    PeriodicTask.objects.filter(name="retrain-reranker").delete()
    assert "retrain-reranker" in begin()
