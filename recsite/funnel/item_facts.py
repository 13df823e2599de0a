"""What the catalogue itself says of items, as arrays: what changes with an edit, but not with every click."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ranking.request import NONE
from recsite.funnel.sources import FOLLOWED, FRESH
from retrieval.content import ITEM_CONTENT
from retrieval.ids import IdMap
from retrieval.sources.followed import Followed, Shelves
from retrieval.sources.fresh import Fresh
from retrieval.sources.item_table import UNKNOWN_LANGUAGE, first_out
from retrieval.sources.standing_order import StandingOrder


@dataclass(frozen=True, eq=False)
class ItemFacts:
    """items: `ITEM_CONTENT`, item_id rising. Everything else is read from its columns, without title and summary.

    item_ids: (n,) int64.  topic_offsets: (n + 1,) int64 into topics, int32, each item's in its own order.
    authors: (n,) int32, languages: (n,) int16, places in `codes`; `NONE` for none.
    published_s: (n,) float64 seconds since 1970 UTC, NaN where that is not known.
    """

    items: pa.Table
    item_ids: np.ndarray
    topic_offsets: np.ndarray
    topics: np.ndarray
    authors: np.ndarray
    languages: np.ndarray
    codes: tuple[str, ...]
    published_s: np.ndarray

    @classmethod
    def of(cls, items: pa.Table) -> ItemFacts:
        """items: `ITEM_CONTENT`, in any order. Raises ValueError for columns that are missing or an item that stands
        there twice."""
        missing = [name for name in ITEM_CONTENT.names if name not in items.column_names]
        if missing:
            raise ValueError(f"The catalogue lacks {missing}; it must have the columns {ITEM_CONTENT.names}.")
        items = items.select(ITEM_CONTENT.names).cast(ITEM_CONTENT)
        if not _rise(items["item_id"].to_numpy()):
            items = items.sort_by("item_id").combine_chunks()
        item_ids = items["item_id"].to_numpy()
        if not _rise(item_ids):
            raise ValueError("An item stands in the catalogue twice. Give each item one row.")
        offsets, topics = _topics(items["topics"])
        languages, codes = _languages(items["language"])
        authors = pc.fill_null(items["author"], NONE).to_numpy().astype(np.int32)
        published_s = _seconds(items["published_at"])
        return cls(items, item_ids, offsets, topics, authors, languages, codes, published_s)

    def __len__(self) -> int:
        return len(self.item_ids)

    @cached_property
    def language_codes(self) -> Mapping[str, int]:
        """Numbers of the languages, by their codes."""
        return MappingProxyType({code: number for number, code in enumerate(self.codes)})

    @cached_property
    def cap_keys(self) -> np.ndarray:
        """(n, 2) int64: of each item its first topic and its author, `NONE` for none; see `ranking.caps`."""
        first = np.full(len(self), NONE, np.int64)
        has_topic = self.topic_offsets[1:] > self.topic_offsets[:-1]
        first[has_topic] = self.topics[self.topic_offsets[:-1][has_topic]]
        return np.stack([first, self.authors], axis=1)

    @cached_property
    def fresh(self) -> Fresh:
        """The source, of items whose publication is known; one that is dated ahead is kept back until then."""
        order, published_s = self._newest_first
        return Fresh(order, published_s, FRESH)

    @cached_property
    def followed(self) -> Followed:
        """The source, of the same items."""
        order, published_s = self._newest_first
        of_topics = np.stack([np.repeat(self.item_ids, np.diff(self.topic_offsets)), self.topics], axis=1)
        of_authors = np.stack([self.item_ids, self.authors], axis=1)[self.authors != NONE]
        return Followed(
            order,
            published_s,
            topics=Shelves.of(of_topics, order.items),
            authors=Shelves.of(of_authors, order.items),
            config=FOLLOWED,
        )

    def rows_of(self, item_ids: np.ndarray) -> np.ndarray:
        """(n,) int64 rows of items, `NONE` for one that is not here."""
        if not len(self):
            return np.full(len(item_ids), NONE, np.int64)
        rows = np.minimum(np.searchsorted(self.item_ids, item_ids), len(self) - 1)
        return np.where(self.item_ids[rows] == item_ids, rows, NONE)

    def num_out(self, at_s: float) -> int:
        """How many items with a known publication are out by then, seconds since 1970 UTC."""
        _, published_s = self._newest_first
        return len(published_s) - first_out(published_s, at_s)

    def standing(self, rows: np.ndarray) -> StandingOrder:
        """Some items in the order of `rows`, as sources have it that are the same for everybody."""
        languages = self.languages[rows]
        places = np.where(languages == NONE, len(self.codes), languages).astype(np.int16)
        return StandingOrder(IdMap(self.item_ids[rows]), (*self.codes, UNKNOWN_LANGUAGE), places)

    @cached_property
    def _newest_first(self) -> tuple[StandingOrder, np.ndarray]:
        """Items of one moment by their ids."""
        dated = np.flatnonzero(~np.isnan(self.published_s))
        rows = dated[np.argsort(-self.published_s[dated], kind="stable")]
        return self.standing(rows), self.published_s[rows]


def _rise(item_ids: np.ndarray) -> bool:
    return bool((np.diff(item_ids) > 0).all())


def _topics(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """(n + 1,) int64 and (all topics,) int32."""
    counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return offsets, pc.list_flatten(column).to_numpy().astype(np.int32)


def _languages(column: pa.ChunkedArray) -> tuple[np.ndarray, tuple[str, ...]]:
    """(n,) int16 places in the codes that there are, `NONE` for none."""
    known = pc.fill_null(column, UNKNOWN_LANGUAGE)
    codes = sorted(code for code in pc.unique(known).to_pylist() if code != UNKNOWN_LANGUAGE)
    places = pc.index_in(known, value_set=pa.array(codes, pa.string()))
    return pc.fill_null(places, NONE).to_numpy().astype(np.int16), tuple(codes)


def _seconds(times: pa.ChunkedArray) -> np.ndarray:
    microseconds = times.cast(pa.int64()).cast(pa.float64())
    return microseconds.fill_null(float("nan")).to_numpy() / 1e6
