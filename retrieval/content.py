"""What is known of items apart from who chose them, as arrays that the candidate tower reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from retrieval.config import TowerConfig
from retrieval.hashing import PADDING, hashed, hashed_words
from retrieval.ids import UNKNOWN, IdMap

WORDS = 48
"""Words and pairs of neighbouring words of an item that count; the title's come first."""
TOPICS = 8
AGE_BUCKETS = 24

ITEM_CONTENT = pa.schema(
    {
        "item_id": pa.int64(),
        "title": pa.string(),
        "summary": pa.string(),
        "topics": pa.list_(pa.int64()),
        "author": pa.int64(),
        "language": pa.string(),
        "published_at": pa.timestamp("us", tz="UTC"),
    }
)
"""One row an item. topics: catalogue ids.  author, published_at: null where not known."""

NEW_ITEM = 1
"""The row of an id that training never met; rows of known items begin after it, 0 is padding."""
FIRST_ITEM = 2


def item_rows(item_idx: np.ndarray) -> np.ndarray:
    """Rows of the id table, int32, same shape; `UNKNOWN` becomes `NEW_ITEM`."""
    return np.where(item_idx == UNKNOWN, NEW_ITEM, item_idx + FIRST_ITEM).astype(np.int32)


@dataclass(frozen=True, eq=False)
class ItemContent:
    """ids: which item each row is of.
    words: (n, WORDS) int32, topics: (n, TOPICS) int32, authors, languages: (n,) int32: hashed rows, 0 for none.
    published_s: (n,) float64, seconds since 1970 UTC, NaN where not known.
    """

    ids: IdMap
    words: np.ndarray
    topics: np.ndarray
    authors: np.ndarray
    languages: np.ndarray
    published_s: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_table(cls, items: pa.Table, config: TowerConfig) -> ItemContent:
        """Of `ITEM_CONTENT`. Raises ValueError for an item that stands there twice, or columns that are missing."""
        missing = [name for name in ITEM_CONTENT.names if name not in items.column_names]
        if missing:
            raise ValueError(f"Item content lacks {missing}; it must have the columns {ITEM_CONTENT.names}.")
        items = items.select(ITEM_CONTENT.names).cast(ITEM_CONTENT)
        texts = zip(items["title"].to_pylist(), items["summary"].to_pylist(), strict=True)
        words = (
            hashed_words(*(text or "" for text in of_item), buckets=config.word_buckets, most=WORDS)
            for of_item in texts
        )
        topics = (
            [hashed(f"topic:{topic}", config.topic_buckets) for topic in of_item or ()]
            for of_item in items["topics"].to_pylist()
        )
        return cls(
            ids=IdMap(items["item_id"].to_numpy()),
            words=_padded(words, len(items), WORDS),
            topics=_padded(topics, len(items), TOPICS),
            authors=np.array(
                [
                    PADDING if author is None else hashed(f"author:{author}", config.author_buckets)
                    for author in items["author"].to_pylist()
                ],
                dtype=np.int32,
            ),
            languages=np.array(
                [
                    hashed(f"language:{language}", config.trait_buckets) if language else PADDING
                    for language in items["language"].to_pylist()
                ],
                dtype=np.int32,
            ),
            published_s=_seconds(items["published_at"]),
        )

    def age_buckets(self, at_s: float, item_idx: np.ndarray) -> np.ndarray:
        """Of some items, int32 below AGE_BUCKETS: 1 + log2 of the age in hours; 0 for no date, or one yet to come."""
        hours = (at_s - self.published_s[item_idx]) / 3600
        is_out = hours >= 0  # False for NaN
        bucket = 1 + np.log2(1 + np.where(is_out, hours, 0)).astype(np.int32)
        return np.where(is_out, np.minimum(bucket, AGE_BUCKETS - 1), 0).astype(np.int32)


def _padded(rows: Iterable[list[int]], count: int, width: int) -> np.ndarray:
    table = np.full((count, width), PADDING, dtype=np.int32)
    for place, row in enumerate(rows):
        kept = row[:width]
        table[place, : len(kept)] = kept
    return table


def _seconds(times: pa.ChunkedArray) -> np.ndarray:
    microseconds = times.cast(pa.int64()).cast(pa.float64())
    return microseconds.fill_null(float("nan")).to_numpy() / 1e6
