"""Identifiers that sort by time: UUID version 7 (RFC 9562, section 5.7).

Python has `uuid.uuid7` from 3.14 on only. Here the time is an argument: the site has one clock.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_RANDOM_BITS = 74
_VERSION_AND_VARIANT = (7 << 76) | (2 << 62)


def make_uuid7(now: datetime) -> uuid.UUID:
    """A new id of the millisecond `now`, with 74 random bits."""
    return _compose(now, secrets.randbits(_RANDOM_BITS))


def first_uuid7(moment: datetime) -> uuid.UUID:
    """The smallest id of that millisecond: a bound for ranges in time."""
    return _compose(moment, 0)


def time_of_uuid7(value: uuid.UUID) -> datetime:
    """The millisecond in which the id was made. Raises ValueError for another version."""
    if value.version != 7:
        raise ValueError(f"{value} is not a UUID of version 7, so it holds no time.")
    return _EPOCH + (value.int >> 80) * _MILLISECOND


def _compose(moment: datetime, random: int) -> uuid.UUID:
    milliseconds = (moment - _EPOCH) // _MILLISECOND
    if not 0 <= milliseconds < 1 << 48:
        raise ValueError(f"{moment} cannot be held in a UUID of version 7.")
    high, low = random >> 62, random & ((1 << 62) - 1)
    return uuid.UUID(int=(milliseconds << 80) | _VERSION_AND_VARIANT | (high << 64) | low)
