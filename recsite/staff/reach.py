"""How much of the catalogue the feed reaches, and how alike the feeds of different readers are."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations

from django.core.cache import cache
from django.db import connection
from redis.exceptions import RedisError

from catalog.models import Item
from feedback.models import Slate
from feedback.surfaces import Surface
from feedback.uuid7 import first_uuid7
from recsite.counting.schedule import TODAY, TODAY_EVERY, counted_until
from recsite.metrics import CACHE_FAILURES

logger = logging.getLogger(__name__)

MOST_READERS = 100
COMPARED = 10
"""So many items of the top of a feed."""
_LOOKED_AT = 600
"""So many of the newest slates: among them are the last of that many readers."""
_LOOK_BACK = timedelta(days=7)


@dataclass(frozen=True)
class Coverage:
    """shown: of the `visible` items, how many stood on any page since the beginning of yesterday (UTC)."""

    shown: int
    visible: int

    @property
    def share(self) -> float | None:
        return self.shown / self.visible if self.visible else None


@dataclass(frozen=True)
class Overlap:
    """mean: of the Jaccard index of all pairs of `readers`; None for fewer than two."""

    mean: float | None
    readers: int


_SHOWN = """
    SELECT count(*) FROM (
        SELECT DISTINCT item_id FROM recsite_itemday WHERE day BETWEEN %(first)s AND %(last)s
    ) AS shown JOIN catalog_item ON id = item_id AND NOT hidden AND published_at <= %(now)s
"""


def coverage(*, now: datetime) -> Coverage:
    """As of when the day's items were counted last: it is worked out once a count, because it takes a tenth of a
    second, and kept in Redis."""
    counted = counted_until(TODAY)
    key = f"staff-coverage:{counted.isoformat() if counted else now.date()}"
    try:
        kept: Coverage | None = cache.get(key)
    except RedisError as error:
        _count_cache_failure(error)
        return _coverage(now)
    if kept is None:
        kept = _coverage(now)
        _keep(key, kept)
    return kept


def _coverage(now: datetime) -> Coverage:
    today = now.date()
    with connection.cursor() as cursor:
        cursor.execute(_SHOWN, {"first": today - timedelta(days=1), "last": today, "now": now})
        shown = cursor.fetchone()[0]
    return Coverage(shown, Item.objects.published(now).count())


def _keep(key: str, found: Coverage) -> None:
    try:
        cache.set(key, found, timeout=int(TODAY_EVERY.total_seconds()))
    except RedisError as error:
        _count_cache_failure(error)


def _count_cache_failure(error: RedisError) -> None:
    CACHE_FAILURES.labels("coverage").inc()
    logger.warning("coverage is not cached: Redis does not answer", extra={"reason": str(error)})


def overlap(*, now: datetime) -> Overlap:
    """Of the last feed of each of up to 100 readers: how alike their first ten items are, 1 for the very same."""
    rows = (
        Slate.objects.filter(
            id__gte=first_uuid7(now - _LOOK_BACK),
            id__lt=first_uuid7(now + timedelta(milliseconds=1)),
            surface=Surface.HOME,
            first_position=0,
            excluded=None,
        )
        .order_by("-id")
        .values_list("reader_public_id", "items")[:_LOOKED_AT]
    )
    tops: dict[uuid.UUID, frozenset[int]] = {}
    for reader, items in rows:
        if len(tops) == MOST_READERS:
            break
        tops.setdefault(reader, frozenset(items[:COMPARED]))
    return Overlap(mean_jaccard(list(tops.values())), len(tops))


def mean_jaccard(sets: Sequence[frozenset[int]]) -> float | None:
    """Over all pairs; empty sets are left out. None without a pair."""
    pairs = list(combinations([one for one in sets if one], 2))
    if not pairs:
        return None
    return sum(len(one & other) / len(one | other) for one, other in pairs) / len(pairs)
