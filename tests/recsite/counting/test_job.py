"""When what is counted: again, late, after a standstill, by two at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from feedback.examples import labelled_visits
from recsite import clock, tasks
from recsite.counting.job import count_log
from recsite.counting.schedule import DAYS, RECENT, TODAY, counted_until
from recsite.models import CountedUntil, FeedHour, FoundDay, ItemDay, LabelDay
from recsite.training.locks import COUNTING, advisory_lock
from tests.factories import make_interaction, make_item, make_reader, make_slate, make_view

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 20, 12, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
COUNTS: tuple[Any, ...] = (FeedHour, ItemDay, LabelDay, FoundDay)


def counted_hours() -> list[datetime]:
    return sorted(FeedHour.objects.values_list("hour", flat=True).distinct())


def a_visit(served_at: datetime) -> None:
    """Three cards seen: one read, one dismissed, one neither."""
    reader, items = make_reader(), [make_item() for _ in range(3)]
    slate = make_slate(items, reader=reader, served_at=served_at)
    for slot in range(3):
        make_view(slate, slot)
    at = served_at + timedelta(minutes=1)
    make_interaction(reader, "click", items[0], slate=slate, happened_at=at)
    make_interaction(reader, "dwell", items[0], slate=slate, happened_at=at + timedelta(minutes=1), dwell_ms=20_000)
    make_interaction(reader, "dismiss", items[1], slate=slate, happened_at=at)


def every_second() -> Iterator[float]:
    return map(float, count())


def test_an_empty_log_leaves_everything_empty() -> None:
    assert (count_log(now=NOW).days, CountedUntil.objects.count()) == (0, 0)


def test_the_first_run_counts_every_day_there_is_by_hours_items_labels_and_clicks() -> None:
    days_ago = (0, 1, 5)
    for days in days_ago:
        a_visit(NOW - days * DAY - 2 * HOUR)
    assert count_log(now=NOW).is_complete
    assert counted_hours() == [(NOW - days * DAY - 2 * HOUR).replace(minute=0) for days in reversed(days_ago)]
    days = [(NOW - days * DAY).date() for days in reversed(days_ago)]
    assert sorted(ItemDay.objects.values_list("day", flat=True).distinct()) == days
    assert sorted(FoundDay.objects.values_list("day", flat=True).distinct()) == days
    assert sorted(LabelDay.objects.values_list("day", flat=True).distinct()) == days
    assert counted_until(DAYS) == datetime(2026, 3, 18, tzinfo=UTC)
    assert counted_until(RECENT) == counted_until(TODAY) == NOW


def test_labels_are_those_that_training_gets() -> None:
    for hours in (2, 3, 30):
        a_visit(NOW - hours * HOUR)
    a_visit(NOW - timedelta(minutes=10))
    count_log(now=NOW)
    wanted: Counter[tuple[str, str]] = Counter()
    for table in labelled_visits(since=NOW - 9 * DAY, until=NOW):
        labels, kinds = table["label"].to_pylist(), table["kind"].to_pylist()
        wanted.update((label, kind or "") for label, kind in zip(labels, kinds, strict=True))
    found: Counter[tuple[str, str]] = Counter()
    for row in LabelDay.objects.filter(release=1):
        found[row.label, row.kind] += row.slots
    assert found == wanted == {("positive", "click"): 3, ("dismissed", ""): 3, ("negative", ""): 3}


def test_a_run_a_minute_later_counts_two_hours_and_nothing_else() -> None:
    a_visit(NOW - 2 * HOUR)
    count_log(now=NOW)
    a_visit(NOW - HOUR)
    a_visit(NOW - 2 * HOUR)
    assert (count_log(now=NOW + timedelta(minutes=1)).hours, ItemDay.objects.count()) == (2, 3)
    by_hour = dict(FeedHour.objects.values_list("hour", "slates"))
    assert by_hour == {NOW.replace(minute=0) - 2 * HOUR: 1, NOW.replace(minute=0) - HOUR: 1}


def test_after_ten_minutes_the_day_is_counted_again_and_after_an_hour_what_came_late() -> None:
    a_visit(NOW - 2 * HOUR)
    count_log(now=NOW)
    for age in (2 * HOUR, 40 * HOUR):
        a_visit(NOW - age)
    assert (count_log(now=NOW + timedelta(minutes=10)).days, ItemDay.objects.count()) == (1, 6)
    assert (count_log(now=NOW + timedelta(minutes=59)).days, ItemDay.objects.count()) == (1, 6)
    count_log(now=NOW + HOUR)
    assert (ItemDay.objects.count(), sum(FeedHour.objects.values_list("slates", flat=True))) == (9, 3)


def test_the_end_of_a_day_is_counted_after_midnight() -> None:
    midnight = datetime(2026, 3, 21, tzinfo=UTC)
    a_visit(midnight - 2 * HOUR)
    count_log(now=midnight - timedelta(minutes=9))
    a_visit(midnight - timedelta(minutes=5))
    count_log(now=midnight + timedelta(minutes=1))
    assert ItemDay.objects.filter(day=midnight.date() - DAY).count() == 6


def test_a_long_backlog_is_left_to_the_next_runs_oldest_day_first() -> None:
    for days in range(3, 7):
        a_visit(NOW - days * DAY)
    timer = every_second()
    assert not count_log(now=NOW, seconds=1, timer=lambda: next(timer)).is_complete
    assert counted_hours() == [(NOW - 6 * DAY).replace(minute=0)]
    assert counted_until(DAYS) == datetime(2026, 3, 15, tzinfo=UTC)
    assert count_log(now=NOW, timer=lambda: next(timer)).is_complete
    assert len(counted_hours()) == 4


def test_what_was_missed_while_nothing_ran_is_made_up_for() -> None:
    a_visit(NOW - 5 * DAY)
    count_log(now=NOW - 4 * DAY)
    a_visit(NOW - 3 * DAY)
    a_visit(NOW - HOUR)
    count_log(now=NOW)
    assert len(counted_hours()) == 3


def test_what_nobody_looked_at_while_the_job_was_paused_is_there_when_it_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log is kept meanwhile. Once counted, those slates go as others do."""
    count_log(now=NOW - 13 * DAY)
    make_slate([make_item()], served_at=NOW - 12 * DAY)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    assert tasks.keep_log()["slates deleted"] == 0
    count_log(now=NOW)
    assert FeedHour.objects.get().slates == 1
    assert tasks.keep_log()["slates deleted"] == 1
    count_log(now=NOW + HOUR)
    assert FeedHour.objects.get().slates == 1


def test_a_slate_that_cannot_teach_stops_nothing_but_the_labels_of_its_day() -> None:
    a_visit(NOW - 3 * HOUR)
    a_visit(NOW - DAY - 3 * HOUR)
    bad = NOW - DAY - 2 * HOUR
    make_slate([make_item()], served_at=bad, counts_as_of=bad + timedelta(seconds=1))
    counted = count_log(now=NOW)
    assert counted.is_complete
    assert [told[:10] for told in counted.without_labels] == [f"{bad:%Y-%m-%d}"]
    assert counted_until(RECENT) == NOW
    assert set(FoundDay.objects.values_list("day", flat=True)) == {NOW.date(), bad.date()}
    assert set(LabelDay.objects.values_list("day", flat=True)) == {NOW.date()}
    assert not count_log(now=NOW + timedelta(minutes=1)).without_labels


def test_counting_everything_twice_changes_nothing() -> None:
    for days in (0, 2, 4):
        a_visit(NOW - days * DAY - HOUR)
    found = []
    for _ in range(2):
        CountedUntil.objects.all().delete()
        count_log(now=NOW)
        found.append([sorted(row[1:] for row in table.objects.values_list()) for table in COUNTS])
    assert found[0] == found[1]


def test_two_that_count_at_once_do_not_meet() -> None:
    a_visit(NOW - HOUR)
    with advisory_lock(COUNTING):
        assert count_log(now=NOW).is_busy
    assert not FeedHour.objects.exists()


def test_the_job_counts_by_the_clock() -> None:
    assert tasks.count_log() == {"hours": 0, "days": 0, "is_complete": True, "is_busy": False, "without_labels": []}
