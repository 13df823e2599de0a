"""What is popular, counted by a job and kept in Redis, so that no reader waits for the counting."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.core.cache import cache
from redis.exceptions import RedisError

from feedback.popularity import popular_items
from recsite.metrics import CACHE_FAILURES

logger = logging.getLogger(__name__)

COUNTED = 400
POPULARITY_KEY = "popularity"
POPULARITY_KEPT_S = 180
"""Three rounds of the job that refreshes it: one late round changes nothing."""


def refresh_popularity(*, now: datetime) -> list[tuple[int, float]]:
    """Recount what is popular and keep it for the web processes. Returns (item id, score), most popular first."""
    counted = popular_items(now=now, limit=COUNTED)
    try:
        cache.set(POPULARITY_KEY, (now, counted), timeout=POPULARITY_KEPT_S)
    except RedisError as error:
        _count_cache_failure(error)
    return counted


def popularity(now: datetime) -> tuple[datetime, list[tuple[int, float]]]:
    """What is popular, and when that was counted."""
    try:
        kept: tuple[datetime, list[tuple[int, float]]] | None = cache.get(POPULARITY_KEY)
    except RedisError as error:
        _count_cache_failure(error)
        return now, popular_items(now=now, limit=COUNTED)
    # The time is kept beside it, and compared: in a simulation hours pass while the cache has it, and
    # what was counted after `now` must not be on its page.
    is_recent = kept is not None and timedelta() <= now - kept[0] <= timedelta(seconds=POPULARITY_KEPT_S)
    return kept if kept is not None and is_recent else (now, refresh_popularity(now=now))


def _count_cache_failure(error: RedisError) -> None:
    CACHE_FAILURES.labels("popularity").inc()
    logger.warning("popularity is not cached: Redis does not answer", extra={"reason": str(error)})
