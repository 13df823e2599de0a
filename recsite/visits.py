"""Which visit a request belongs to: one sitting of one reader id, over after 30 idle minutes.

Kept in Redis. Without it every request is a visit of its own, counted: what was shown is still logged, and teaches.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta

from django.core.cache import cache
from redis.exceptions import RedisError

from feedback.uuid7 import make_uuid7
from recsite.metrics import CACHE_FAILURES

logger = logging.getLogger(__name__)

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
"""Nobody sits longer: a tab that reloads itself would make a visit without an end, and no day would hold it."""


def current_visit(public_id: uuid.UUID, *, now: datetime) -> uuid.UUID:
    """The visit of this reader id, begun now if there is none; it goes on until 30 minutes after the last call.

    Its id is a UUID of version 7 that holds its beginning.
    """
    key = _key(public_id)
    try:
        kept: tuple[uuid.UUID, datetime, datetime] | None = cache.get(key)
        visit, began = _continued(kept, now) or (make_uuid7(now), now)
        # The time is kept beside it, and compared: in a simulation an hour passes in a second.
        cache.set(key, (visit, began, now), timeout=IDLE.total_seconds())
    except RedisError as error:
        CACHE_FAILURES.labels("visit").inc()
        logger.warning("visit is not known: Redis does not answer", extra={"reason": str(error)})
        return make_uuid7(now)
    return visit


def forget_visit(public_id: uuid.UUID) -> None:
    """Leave nothing of this reader id in Redis. Raises RedisError."""
    cache.delete(_key(public_id))


def _continued(kept: tuple[uuid.UUID, datetime, datetime] | None, now: datetime) -> tuple[uuid.UUID, datetime] | None:
    if kept is None:
        return None
    visit, began, latest = kept
    return (visit, began) if now - latest < IDLE and now - began < LONGEST else None


def _key(public_id: uuid.UUID) -> str:
    return f"visit:{public_id.hex}"
