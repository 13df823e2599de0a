"""Ratings as what the ranker is asked with: candidates, a reader's state and the items, each as of its moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from benchmarks.ranking_sources import SOURCES, Asked, Sources
from benchmarks.retrieval_protocols import Queries
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_states import DISLIKED, LIKED
from ranking.features import FeatureSet, build_features
from ranking.prepared_items import PreparedItems
from ranking.request import (
    NONE,
    WINDOWS,
    CandidateColumns,
    Context,
    ItemTable,
    RankingRequest,
    ReaderState,
    SourceColumns,
)
from retrieval.union import NOT_NAMED, Union

FEATURE_SET = FeatureSet.of(SOURCES)

_HOUR_S, _DAY_S = 3_600.0, 86_400.0
_WINDOW_S = dict(zip(WINDOWS, (_HOUR_S, _DAY_S, 7 * _DAY_S), strict=True))
_LIKE, _CLICK, _DISMISSAL = 3.0, 1.0, -1.0
"""Gains of what a reader did, as on the site."""

_NOTHING = np.empty(0, np.int32)


class Catalogue:
    """Item tables as of the beginning of a day, made when first asked for and kept.

    rows: the events that are counted, in order of time; where nothing was shown a choice is a click, and nobody knows
    of views.  vectors: (num_items, dim), in the order of the catalogue.
    """

    def __init__(self, dataset: Ratings, rows: np.ndarray, vectors: np.ndarray) -> None:
        self._order = np.argsort(dataset.item_map.item_ids)
        self._times_s = dataset.interactions.times_s[rows]
        place = np.empty(dataset.num_items, np.int64)
        place[self._order] = np.arange(dataset.num_items)
        self._items = place[dataset.item_idx[rows]]
        self._facts = _facts(dataset, self._order)
        self._vectors = vectors[self._order]
        self._tables: dict[float, PreparedItems] = {}

    def at(self, at_s: float) -> PreparedItems:
        """As it was known when the day of `at_s` began (UTC): nothing from then on is counted."""
        day_s = at_s // _DAY_S * _DAY_S
        if day_s not in self._tables:
            self._tables[day_s] = PreparedItems.of(self._table(day_s))
        return self._tables[day_s]

    def _table(self, until_s: float) -> ItemTable:
        num_items = len(self._order)
        nothing = np.zeros((len(WINDOWS), num_items), np.float32)
        chosen = self._counts(-np.inf, until_s)
        return ItemTable(
            item_ids=self._facts.item_ids,
            topic_offsets=self._facts.topic_offsets,
            topics=self._facts.topics,
            authors=self._facts.authors,
            languages=self._facts.languages,
            published_s=self._facts.published_s,
            views=nothing,
            clicks=np.stack([self._counts(until_s - _WINDOW_S[window], until_s) for window in WINDOWS]),
            dismissals=nothing,
            popularity=(np.searchsorted(np.sort(chosen), chosen) / num_items).astype(np.float32),
            vectors=self._vectors,
        )

    def _counts(self, since_s: float, until_s: float) -> np.ndarray:
        """(num_items,) float32."""
        begin, end = np.searchsorted(self._times_s, [since_s, until_s])
        return np.bincount(self._items[begin:end], minlength=len(self._order)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Requests:
    """Queries become requests: candidates from `sources`, facts from `catalogue`."""

    dataset: Ratings
    sources: Sources
    catalogue: Catalogue

    @classmethod
    def of(cls, dataset: Ratings, sources: Sources, rows: np.ndarray) -> Requests:
        """rows: what the sources were fitted on, in order of time."""
        return cls(dataset, sources, Catalogue(dataset, rows, sources.vectors()))

    def features(self, queries: Queries) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each query item_idx of its candidates, (n,), and their features, (n, len(FEATURE_SET))."""
        for row, asked in enumerate(self.sources.ask(queries)):
            request = self.request(queries, row, asked)
            features = build_features(request, self.catalogue.at(queries.at_s[row]), FEATURE_SET)
            yield self.dataset.item_map.idx_of(asked.union.item_ids), features

    def request(self, queries: Queries, row: int, asked: Asked) -> RankingRequest:
        at_s = float(queries.at_s[row])
        moment = datetime.fromtimestamp(at_s, UTC)
        hour = moment.hour + moment.minute / 60 + moment.second / 3_600
        return RankingRequest(
            CandidateColumns(
                item_ids=asked.union.item_ids,
                sources=_said(asked.union),
                times_viewed=np.zeros(len(asked.union), np.float32),
                covisited=asked.covisited,
            ),
            reader_state(self.dataset, queries.history[row], at_s),
            Context(at_s, hour, moment.weekday(), "home", 0),
        )


def reader_state(dataset: Ratings, history: np.ndarray, at_s: float) -> ReaderState:
    """history: event rows of one reader, the oldest first, none later than `at_s`."""
    events = dataset.interactions
    times_s = events.times_s[history]
    return ReaderState(
        history=events.item_ids[history],
        ages_s=(at_s - times_s).astype(np.float32),
        gains=_gains(dataset, history),
        topics=_NOTHING,
        authors=_NOTHING,
        languages=np.empty(0, np.int16),
        tenure_s=float(at_s - times_s[0]) if len(history) else 0.0,
    )


def _gains(dataset: Ratings, rows: np.ndarray) -> np.ndarray:
    if dataset.ratings is None:
        return np.full(len(rows), _CLICK, np.float32)
    ratings = dataset.ratings[rows]
    return np.where(ratings >= LIKED, _LIKE, np.where(ratings <= DISLIKED, _DISMISSAL, _CLICK)).astype(np.float32)


def _said(union: Union) -> dict[str, SourceColumns]:
    ranks = np.where(union.ranks == NOT_NAMED, np.nan, union.ranks).astype(np.float32)
    return {name: SourceColumns(union.scores[:, column], ranks[:, column]) for column, name in enumerate(union.sources)}


@dataclass(frozen=True, eq=False)
class _Facts:
    """What stays of the items, as in `ItemTable`."""

    item_ids: np.ndarray
    topic_offsets: np.ndarray
    topics: np.ndarray
    authors: np.ndarray
    languages: np.ndarray
    published_s: np.ndarray


def _facts(dataset: Ratings, order: np.ndarray) -> _Facts:
    """order: of the rows of the catalogue, by which item ids rise. Authors and languages are numbered."""
    items = dataset.items.take(order)
    topics = items["topics"].to_pylist()
    micros = items["published_at"].cast("int64").to_numpy(zero_copy_only=False).astype(np.float64)  # NaN for null
    return _Facts(
        item_ids=items["item_id"].to_numpy(),
        topic_offsets=np.concatenate([[0], np.cumsum([len(one) for one in topics])]).astype(np.int64),
        topics=np.array([topic for one in topics for topic in one], np.int32),
        authors=_numbered(items["author"].to_pylist(), None).astype(np.int32),
        languages=_numbered(items["language"].to_pylist(), "").astype(np.int16),
        published_s=micros / 1e6,
    )


def _numbered(values: list[object], absent: object) -> np.ndarray:
    """(n,) int64 from 0, `NONE` for what is absent."""
    number: dict[object, int] = {absent: NONE}
    for value in values:
        number.setdefault(value, len(number) - 1)
    return np.array([number[value] for value in values], np.int64)
