"""What retrieval is measured on: who chose what and when, and what is known of the items and the readers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa

from retrieval.ids import UNKNOWN, IdMap
from retrieval.interactions import Interactions

ITEM_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.int64(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("summary", pa.string(), nullable=False),
        pa.field("topics", pa.list_(pa.int64()), nullable=False),
        pa.field("author", pa.int64()),
        pa.field("language", pa.string(), nullable=False),
        pa.field("published_at", pa.timestamp("us", tz="UTC")),
    ]
)


class DataError(ValueError):
    """Data that cannot be measured on; the message says what is wrong with it and what would be right."""


@dataclass(frozen=True, eq=False)
class Ratings:
    """Events, each reader x item once (the first time), in order of time.

    name: what the data is called in a report.
    interactions: every event; a row of it is an `event row` everywhere in these benchmarks.
    ratings: (n,) float32, how much the reader liked it, or None where nobody said.
    kinds: (n,) texts, what was done, or None.
    items: the catalogue, `ITEM_SCHEMA`; its row order is `item_idx`.
    readers: attributes of readers, such as {7: {"age": "25-34"}}; a reader without any need not be there.
    """

    name: str
    interactions: Interactions
    ratings: np.ndarray | None
    kinds: np.ndarray | None
    items: pa.Table
    readers: Mapping[int, Mapping[str, str]]
    item_map: IdMap = field(init=False)
    item_idx: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        if not len(self.interactions):
            raise DataError(f"{self.name} holds no events.")
        if not self.items.schema.equals(ITEM_SCHEMA):
            raise DataError(f"items have the schema\n{self.items.schema}\nbut should have\n{ITEM_SCHEMA}")
        object.__setattr__(self, "item_map", IdMap(self.items["item_id"].to_numpy()))
        object.__setattr__(self, "item_idx", self.item_map.idx_of(self.interactions.item_ids))
        strange = self.interactions.item_ids[self.item_idx == UNKNOWN]
        if len(strange):
            raise DataError(
                f"{len(np.unique(strange))} items of events are not in the catalogue, {strange[0]} among them."
            )
        pairs = np.sort(_pairs(self.interactions.reader_ids, self.item_idx))
        if (pairs[1:] == pairs[:-1]).any():
            raise DataError("A reader has an item twice. Keep the first time: `first_times`.")

    def __len__(self) -> int:
        return len(self.interactions)

    @property
    def num_items(self) -> int:
        return len(self.item_map)

    @cached_property
    def fingerprint(self) -> str:
        """Changes with any event, rating or title."""
        digest = hashlib.sha256()
        events = self.interactions
        columns = [events.reader_ids, events.item_ids, events.times_s, events.weights]
        for column in [*columns, *([] if self.ratings is None else [self.ratings])]:
            digest.update(np.ascontiguousarray(column).tobytes())
        for text in ([] if self.kinds is None else self.kinds.tolist()) + self.items.to_pylist():
            digest.update(repr(text).encode())
        digest.update(repr(sorted((reader, sorted(known.items())) for reader, known in self.readers.items())).encode())
        return digest.hexdigest()[:16]

    def of_some_readers(self, number: int, *, seed: int) -> Ratings:
        """The events of `number` readers drawn at random; all of them when there are no more. The catalogue stays."""
        everybody = np.unique(self.interactions.reader_ids)
        if number >= len(everybody):
            return self
        drawn = np.random.default_rng(seed).choice(everybody, size=number, replace=False)
        rows = np.flatnonzero(np.isin(self.interactions.reader_ids, drawn))
        return Ratings(
            f"{self.name}, {number} readers",
            self.interactions.take(rows),
            None if self.ratings is None else self.ratings[rows],
            None if self.kinds is None else self.kinds[rows],
            self.items,
            {reader: known for reader, known in self.readers.items() if reader in set(drawn.tolist())},
        )


def first_times(reader_ids: np.ndarray, item_ids: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Which rows to keep, in the order that `Ratings` wants: by time, ties as they came, a reader's first of each item.

    A repeat cannot be a prediction: what a reader has seen is not proposed again.
    """
    order = np.argsort(times_s, kind="stable")
    first = np.unique(_pairs(reader_ids[order], item_ids[order]), return_index=True)[1]
    return order[np.sort(first)]


def _pairs(reader_ids: np.ndarray, item_ids: np.ndarray) -> np.ndarray:
    """One number for each (reader, item)."""
    readers, items = (np.unique(ids, return_inverse=True)[1] for ids in (reader_ids, item_ids))
    return readers * (items.max(initial=0) + 1) + items
