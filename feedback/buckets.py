"""Into which of 256 fixed parts a reader's log falls."""

from __future__ import annotations

import hashlib
import uuid

BUCKETS = 256


def reader_bucket(public_id: uuid.UUID) -> int:
    """0 to 255, fixed for ever: rows already written carry it. A visit has one reader id, so it never crosses buckets.

    Hashed, because ids that other systems made need not be random in any byte.
    """
    return hashlib.blake2b(public_id.bytes, digest_size=1).digest()[0]
