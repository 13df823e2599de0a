"""Texts and ids as rows of bounded tables: the same row on every machine and in every version.

Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning", without their signs.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from itertools import pairwise

PADDING = 0
"""The row of nothing, in every table."""

_SHARE_OF_PAIRS = 3
"""One row in so many, at least, where there are as many pairs."""

_WORD = re.compile(r"\w+")


@lru_cache(maxsize=1 << 16)
def hashed(what: str, buckets: int) -> int:
    """A row from 1 to `buckets` - 1. Begin `what` with its kind ("topic:7"), so that equal ids of two kinds differ."""
    return 1 + zlib.crc32(what.encode()) % (buckets - 1)


def hashed_words(*texts: str, buckets: int, most: int) -> list[int]:
    """Rows of the words of the texts, then of pairs of neighbouring words, the first text's before the next's; `most`
    in all. No pair joins two texts. However many words there are, a third of the rows is left for pairs.
    """
    words, pairs = [], []
    for text in texts:
        found = _WORD.findall(text.casefold())[:most]
        words += found
        pairs += [f"{first} {second}" for first, second in pairwise(found)]
    kept = words[: most - min(len(pairs), most // _SHARE_OF_PAIRS)]
    return [hashed(f"word:{word}", buckets) for word in [*kept, *pairs][:most]]
