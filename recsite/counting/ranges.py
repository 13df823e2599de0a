"""Whole hours and days of UTC, as ranges of ids of slates and of visits."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from feedback.uuid7 import first_uuid7
from feedback.visits import LONGEST_VISIT

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """[start, end), UTC."""

    start: datetime
    end: datetime

    def bounds(self) -> dict[str, datetime | uuid.UUID]:
        """Parameters of queries. What reactions tell of their slates' visits is their index: slates of the span belong
        to visits that began in it, or at most `LONGEST_VISIT` before."""
        return {
            "start": self.start,
            "end": self.end,
            "first_slate": first_uuid7(self.start),
            "last_slate": first_uuid7(self.end),
            "first_visit": first_uuid7(self.start - LONGEST_VISIT),
        }


def hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def day_of(moment: datetime) -> datetime:
    """Its midnight."""
    return datetime.combine(moment.astimezone(UTC).date(), time(), UTC)


def days(start: datetime, end: datetime) -> Iterator[Span]:
    """Every day that has a part in [start, end), whole."""
    day = day_of(start)
    while day < end:
        yield Span(day, day + DAY)
        day += DAY
