"""The home feed in numbers, from the counts by hour: how often pages fell back, and how sure a rate is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDay

from feedback.surfaces import Surface
from recsite.models import FeedHour
from recsite.models.log_counts import PARTS
from recsite.staff.intervals import Interval, jackknife_rate

COUNTS = ("slates", "slots", "explored", "viewed", "clicks", "likes", "saves", "dismissals", "unwanted")


@dataclass(frozen=True)
class Sums:
    """by_part: (`PARTS`,) int64 of each count, one a group of readers."""

    by_part: Mapping[str, np.ndarray] = field(default_factory=lambda: {name: np.zeros(PARTS, int) for name in COUNTS})

    def total(self, name: str) -> int:
        return int(self.by_part[name].sum())

    def rate(self, name: str, of: str = "viewed") -> Interval:
        """Of `name` over `of`, with its interval. A click whose view was never reported counts for no view."""
        below = self.by_part[of]
        return jackknife_rate(np.minimum(self.by_part[name], below), below)


def sums(*, since: datetime, until: datetime) -> Sums:
    """Of pages of the home feed served in the hours that begin in [since, until)."""
    found = Sums()
    for part, *counts in _hours(since, until).values_list("part").annotate(*_ALL):
        _fill(found, part, counts)
    return found


def sums_by_day(*, since: datetime, until: datetime) -> dict[datetime, Sums]:
    """The same by day (UTC); days without a page are left out."""
    found: dict[datetime, Sums] = {}
    by_day = _hours(since, until).annotate(day=TruncDay("hour", tzinfo=UTC))
    for day, part, *counts in by_day.values_list("day", "part").annotate(*_ALL):
        _fill(found.setdefault(day, Sums()), part, counts)
    return found


def fallbacks_by_hour(*, since: datetime, until: datetime) -> dict[datetime, dict[str, int]]:
    """Pages of each hour by why no release served them as it should have, "" for those that it did."""
    found: dict[datetime, dict[str, int]] = {}
    rows = _hours(since, until).values_list("hour", "fallback").annotate(Sum("slates"))
    for hour, fallback, pages in rows:
        found.setdefault(hour.astimezone(UTC), {})[fallback] = pages
    return found


def hours_of(since: datetime, until: datetime) -> list[datetime]:
    """Each hour that begins in [since, until)."""
    count = (until - since) // timedelta(hours=1)
    return [since + timedelta(hours=number) for number in range(count)]


_ALL = [Sum(name) for name in COUNTS]


def _hours(since: datetime, until: datetime) -> QuerySet[FeedHour]:
    return FeedHour.objects.filter(surface=Surface.HOME, hour__gte=since, hour__lt=until).order_by()


def _fill(found: Sums, part: int, counts: Sequence[int]) -> None:
    for name, count in zip(COUNTS, counts, strict=True):
        found.by_part[name][part] = count
