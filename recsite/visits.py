"""Which visit a request belongs to: one sitting of one reader id, over after 30 idle minutes; and with which release
it began, so that pages of one scroll are of one mind.

Kept in Redis. Without it every request is a visit of its own, counted: what was shown is still logged, and teaches.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.core.cache import cache
from redis.exceptions import RedisError

from feedback.uuid7 import make_uuid7
from feedback.visits import LONGEST_VISIT
from recsite.metrics import CACHE_FAILURES

logger = logging.getLogger(__name__)

IDLE = timedelta(minutes=30)


@dataclass(frozen=True)
class Visit:
    """id: a UUID of version 7 that holds its beginning. release: by which its pages are made; None before the first
    page of any."""

    id: uuid.UUID
    began: datetime
    latest: datetime
    release: int | None = None


def open_visit(public_id: uuid.UUID, *, now: datetime) -> Visit:
    """The visit of this reader id, begun now if there is none; it goes on until 30 minutes after the last call."""
    try:
        kept: tuple[uuid.UUID, datetime, datetime, int | None] | None = cache.get(_key(public_id))
        visit = replace(_continued(kept, now) or _begun(now), latest=now)
        _keep(public_id, visit)
    except RedisError as error:
        _count_failure(error)
        return _begun(now)
    return visit


def current_visit(public_id: uuid.UUID, *, now: datetime) -> uuid.UUID:
    """Its id, as `open_visit`."""
    return open_visit(public_id, now=now).id


def pin_release(public_id: uuid.UUID, visit: Visit, release: int | None) -> None:
    """Let the pages of the visit that follow be made by this release too. None changes nothing."""
    if release is None or release == visit.release:
        return
    try:
        _keep(public_id, replace(visit, release=release))
    except RedisError as error:
        _count_failure(error)


def forget_visit(public_id: uuid.UUID) -> None:
    """Leave nothing of this reader id in Redis. Raises RedisError."""
    cache.delete(_key(public_id))


def _begun(now: datetime) -> Visit:
    return Visit(make_uuid7(now), now, now)


def _continued(kept: tuple[uuid.UUID, datetime, datetime, int | None] | None, now: datetime) -> Visit | None:
    if kept is None:
        return None
    # The time is kept beside it, and compared: in a simulation an hour passes in a second.
    visit = Visit(*kept)
    # Nor does a visit go on long before it began: a clock was set back, or a simulated day is played again.
    return visit if -IDLE < now - visit.latest < IDLE and now - visit.began < LONGEST_VISIT else None


def _keep(public_id: uuid.UUID, visit: Visit) -> None:
    """As plain values: what an older version of this code kept can be read as well."""
    values = (visit.id, visit.began, visit.latest, visit.release)
    cache.set(_key(public_id), values, timeout=IDLE.total_seconds())


def _count_failure(error: RedisError) -> None:
    CACHE_FAILURES.labels("visit").inc()
    logger.warning("visit is not known: Redis does not answer", extra={"reason": str(error)})


def _key(public_id: uuid.UUID) -> str:
    return f"visit:{public_id.hex}"
