"""What is counted when: everything may be counted twice, and nothing stays uncounted.

Every run counts the last two hours anew; the day and what arrived late cost more, and have their turns. Days that no
run has counted yet, after the first start or a standstill, come a day at a time, the oldest first, and wait for the
next run when time is up.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from feedback.uuid7 import time_of_uuid7
from recsite.counting.found import count_found_days
from recsite.counting.ranges import DAY, HOUR, Span, day_of, days, hour_of
from recsite.counting.schedule import (
    DAYS,
    HOURS,
    LATE,
    LATE_EVERY,
    RECENT,
    TODAY,
    TODAY_EVERY,
    counted_until,
    is_due,
    mark,
)
from recsite.counting.shown import count_feed_hours, count_item_days
from recsite.counting.taught import count_label_days
from recsite.training.locks import COUNTING, advisory_lock

logger = logging.getLogger(__name__)

BACKLOG_S = 180.0
"""So long one run works on days that were never counted."""


@dataclass
class Counted:
    """What one run did. is_complete: no day waits for the next run."""

    hours: int = 0
    days: int = 0
    is_complete: bool = True
    is_busy: bool = False
    """Another run was counting, so this one did nothing."""
    without_labels: list[str] = field(default_factory=list)
    """Days whose log holds a slate that cannot teach, and why."""


def count_log(*, now: datetime, seconds: float = BACKLOG_S, timer: Callable[[], float] = time.monotonic) -> Counted:
    """Bring all counts up to `now`. seconds: for days never counted; at least one of them is counted in any case."""
    counted = Counted()
    with advisory_lock(COUNTING) as lock:
        if lock is None:
            return Counted(is_busy=True)
        first = _first_slate()
        if first is None or first >= now:
            return counted
        _count_fresh(counted, now)
        mark(HOURS, now)
        _count_backlog(counted, first, now, last_moment=timer() + seconds, timer=timer)
    return counted


def _first_slate() -> datetime | None:
    """When the oldest slate was served. A probe of each partition's key."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM feedback_slate ORDER BY id LIMIT 1")
        row = cursor.fetchone()
    return None if row is None else time_of_uuid7(row[0])


def _count_fresh(counted: Counted, now: datetime) -> None:
    hour = hour_of(now)
    if is_due(RECENT, every=LATE_EVERY, now=now):
        for span in days(now - LATE, now):
            _count_day(counted, span, now)
        mark(RECENT, now)
        mark(TODAY, now)
        return
    span = Span(hour - HOUR, hour + HOUR)
    count_feed_hours(span)
    counted.hours += 2
    if is_due(TODAY, every=TODAY_EVERY, now=now):
        for day in days(now - TODAY_EVERY, now):
            _count_but_hours(counted, day, now)
        mark(TODAY, now)


def _count_backlog(
    counted: Counted, first: datetime, now: datetime, *, last_moment: float, timer: Callable[[], float]
) -> None:
    until = counted_until(DAYS)
    done = day_of(first) if until is None else max(until, day_of(first))
    for span in days(done, day_of(now - LATE)):
        _count_day(counted, span, now)
        mark(DAYS, span.end)
        if timer() >= last_moment:
            counted.is_complete = span.end >= day_of(now - LATE)
            return


def _count_day(counted: Counted, span: Span, now: datetime) -> None:
    count_feed_hours(span)
    counted.hours += DAY // HOUR
    _count_but_hours(counted, span, now)


def _count_but_hours(counted: Counted, span: Span, now: datetime) -> None:
    count_item_days(span)
    count_found_days(span)
    try:
        count_label_days(span, now=now)
    except ValueError as error:  # of a slate that cannot teach: training says so too, and all else can be counted
        logger.exception("labels of a day cannot be counted", extra={"day": str(span.start.date())})
        counted.without_labels.append(f"{span.start:%Y-%m-%d}: {error}")
    counted.days += 1
