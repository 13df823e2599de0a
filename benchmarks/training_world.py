"""Any number of positives with states, a table at a time: sizes and skew of a busy site, and nothing to learn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from retrieval.content import ITEM_CONTENT

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_ROWS_A_READER = 50
_ROWS_A_TABLE = 50_000
_EVENTS_A_HISTORY = 20
_KINDS = pa.array(["click", "like", "save"])
_NUM_TOPICS = 50


@dataclass(frozen=True)
class TrainingWorld:
    """rows: positives, 50 a reader.  days: how far they spread. Items are chosen with the skew of Zipf's law."""

    rows: int
    num_items: int
    days: int
    seed: int

    @property
    def until(self) -> datetime:
        return FIRST_DAY + timedelta(days=self.days)

    def items(self) -> pa.Table:
        """`content.ITEM_CONTENT`."""
        ids = np.arange(self.num_items)
        return pa.table(
            {
                "item_id": ids,
                "title": [f"word{item % 997} word{item % 1009} word{item % 1013} word{item}" for item in ids.tolist()],
                "summary": [""] * self.num_items,
                "topics": [[item % _NUM_TOPICS, item % 7] for item in ids.tolist()],
                "author": ids % 1000,
                "language": ["en"] * self.num_items,
                "published_at": [FIRST_DAY] * self.num_items,
            },
            schema=ITEM_CONTENT,
        )

    def tables(self) -> Iterator[pa.Table]:
        """Of `spool.POSITIVES` and `features.STATES`, whole readers."""
        for number, start in enumerate(range(0, self.rows, _ROWS_A_TABLE)):
            yield self._table(number, start, min(_ROWS_A_TABLE, self.rows - start))

    def _table(self, number: int, start: int, count: int) -> pa.Table:
        rng = np.random.default_rng([self.seed, number])
        happened_s = FIRST_DAY.timestamp() + rng.random(count) * self.days * 86_400 * 0.999
        moments = pa.array((happened_s * 1e6).astype(np.int64)).cast(pa.timestamp("us", tz="UTC"))
        offsets = pa.array(np.arange(count + 1) * _EVENTS_A_HISTORY, pa.int32())
        events = count * _EVENTS_A_HISTORY
        kinds = pa.DictionaryArray.from_arrays(pa.array(rng.integers(len(_KINDS), size=events), pa.int8()), _KINDS)
        ages_s = pa.array(rng.exponential(86_400, events).astype(np.float32))
        return pa.table(
            {
                "reader_id": (start + np.arange(count)) // _ROWS_A_READER,
                "item_id": self._chosen(rng, count),
                "happened_at": moments,
                "weight": np.ones(count, np.float32),
                "state_at": moments,
                "history": pa.ListArray.from_arrays(offsets, pa.array(self._chosen(rng, events))),
                "history_kinds": pa.ListArray.from_arrays(offsets, kinds),
                "history_ages_s": pa.ListArray.from_arrays(offsets, ages_s),
            }
        )

    def _chosen(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Item ids; item i about as often as 1 / (i + 1)."""
        return (np.exp(rng.random(count) * np.log(self.num_items + 1)) - 1).astype(np.int64)
