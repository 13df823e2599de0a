"""How often items were shown and what became of it, from the counts that a job keeps by day."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from django.core.cache import cache
from django.db.models import QuerySet, Sum
from redis.exceptions import RedisError

from recsite.models import FeedHour, ItemDay
from recsite.staff.intervals import Interval, independent_rate

Key = TypeVar("Key", date, int)

WEEK = timedelta(days=7)
CHART_DAYS = 60
MOST_SHOWN_KEPT_S = 300

_MOST_SHOWN_KEY = "staff-most-shown"
_COLUMNS = ("served", "viewed", "clicks", "likes", "dismissals")


@dataclass(frozen=True)
class Counts:
    """Slots with an item. viewed, clicks, likes, dismissals: those with at least one that stands."""

    served: int = 0
    viewed: int = 0
    clicks: int = 0
    likes: int = 0
    dismissals: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in _COLUMNS))

    @property
    def click_rate(self) -> Interval:
        """Of what was viewed. One reader is shown an item so seldom that its slots are independent."""
        return independent_rate(self.clicks, self.viewed)

    @property
    def dismiss_rate(self) -> Interval:
        return independent_rate(self.dismissals, self.viewed)


NONE = Counts()


@dataclass(frozen=True)
class ItemCounts:
    """Of one item. by_day: the last `CHART_DAYS`, without gaps from the first day of them on which it was shown.
    by_place: by where the place begins, ever.  first_day: on which it was shown, None for never."""

    by_day: Mapping[date, Counts] = field(default_factory=dict)
    by_place: Mapping[int, Counts] = field(default_factory=dict)
    week: Counts = NONE
    ever: Counts = NONE
    first_day: date | None = None


def counts_of(item_id: int, *, now: datetime) -> ItemCounts:
    """One query, of a few rows a day, found by the item."""
    rows = list(ItemDay.objects.filter(item_id=item_id).order_by("day").values_list("day", "place", *_COLUMNS))
    counted = [(day, place, Counts(*counts)) for day, place, *counts in rows]
    recent = [row for row in counted if row[0] > (now - timedelta(days=CHART_DAYS)).date()]
    return ItemCounts(
        by_day=_without_gaps(_added((day, counts) for day, _, counts in recent), now.date()),
        by_place=_added((place, counts) for _, place, counts in counted),
        week=sum((counts for day, _, counts in counted if day > (now - WEEK).date()), NONE),
        ever=sum((counts for _, _, counts in counted), NONE),
        first_day=next((day for day, _, counts in counted if counts.served), None),
    )


def week_of(item_ids: Collection[int], *, now: datetime) -> dict[int, Counts]:
    """Of each that was shown in the last seven days, today's among them."""
    return _by("item_id", ItemDay.objects.filter(item_id__in=list(item_ids), day__gt=(now - WEEK).date()))


def most_shown(*, now: datetime, limit: int) -> tuple[datetime, list[int]]:
    """Item ids by how often they were shown in the last seven days, and when that was counted: for some minutes it is
    not counted again, because it reads a row for every item and day."""
    try:
        kept: tuple[datetime, list[int]] | None = cache.get(_MOST_SHOWN_KEY)
        if kept is None:
            kept = now, _most_shown(now, limit)
            cache.set(_MOST_SHOWN_KEY, kept, timeout=MOST_SHOWN_KEPT_S)
    except RedisError:
        return now, _most_shown(now, limit)
    return kept


def usual_dismiss_rate(*, now: datetime) -> float | None:
    """Of all that was viewed in the last seven days; None where nothing was."""
    counted = FeedHour.objects.filter(hour__gte=now - WEEK).aggregate(
        viewed=Sum("viewed", default=0), dismissals=Sum("dismissals", default=0)
    )
    return counted["dismissals"] / counted["viewed"] if counted["viewed"] else None


def _most_shown(now: datetime, limit: int) -> list[int]:
    rows = ItemDay.objects.filter(day__gt=(now - WEEK).date()).values("item_id").annotate(served=Sum("served"))
    return list(rows.order_by("-served", "-item_id").values_list("item_id", flat=True)[:limit])


def _by(name: str, rows: QuerySet[ItemDay]) -> dict[Any, Counts]:
    """Of each value of that column, rising."""
    sums: Iterable[dict[str, Any]] = rows.values(name).annotate(**_sums()).order_by(name)
    return {row[name]: Counts(**{column: row[column] for column in _COLUMNS}) for row in sums}


def _added(pairs: Iterable[tuple[Key, Counts]]) -> dict[Key, Counts]:
    added: dict[Key, Counts] = {}
    for key, counts in pairs:
        added[key] = added.get(key, NONE) + counts
    return added


def _sums() -> dict[str, Sum]:
    return {name: Sum(name, default=0) for name in _COLUMNS}


def _without_gaps(by_day: Mapping[date, Counts], today: date) -> dict[date, Counts]:
    if not by_day:
        return {}
    first = min(by_day)
    days = (first + timedelta(days=number) for number in range((today - first).days + 1))
    return {day: by_day.get(day, NONE) for day in days}
