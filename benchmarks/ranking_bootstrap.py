"""The funnel's second stage, learned from history alone: label events become groups, groups become a ranker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from benchmarks.ranking_requests import FEATURE_SET, Requests
from benchmarks.retrieval_protocols import Queries, Split
from benchmarks.retrieval_ratings import DataError, Ratings
from ranking.artefact import RankerArtefact
from ranking.config import RankerConfig
from ranking.request import NONE
from ranking.train import train_ranker
from ranking.visits import ASSUMED_NEGATIVE, POSITIVE, Visits

CONFIG = RankerConfig(
    num_leaves=15,
    learning_rate=0.03,
    num_trees=300,
    min_rows_in_leaf=200,
    feature_share=0.5,
    all_trees_from=2_000,
    ndcg_at=10,
    truncation=60,
)
"""Coarse and slow: on validation events of B of ML-100K, a few thousand groups were overfitted with 31 leaves of 50
rows. truncation is that of ndcg_at times six, for of a whole list only a part stands in a group.

Trees that each see half of the columns, and all 300 of them: there NDCG@10 was 6.0% above fusion. Early stopping took
20 trees or 40 of all columns, by chance of its window, and came to 3%. Not of few groups: on validation events of C,
which has 594, NDCG@10 was 28% above fusion after 20 to 50 trees, and 20% after 300.
"""

MOST_NEGATIVES = 100
"""Assumed negatives of a group for each of its positives: so many candidates drawn at random.

Not the hardest, though LambdaMART would like those: with the 60 best of the fusion and 40 others, an item below place
60 was a positive far more often than it is among all candidates, and the ranker learned to look for such items.
"""

_MOST_POSITIVES_COUNTED = 3


@dataclass(frozen=True, eq=False)
class Groups:
    """visits: what the ranker learns from.  asked: how many groups there could have been.
    not_retrieved: how many positives no source named; a group is left out when that is all of its positives."""

    visits: Visits
    asked: int
    not_retrieved: int


@dataclass
class _Columns:
    """Rows of groups as they come, in lists of arrays."""

    features: list[np.ndarray]
    is_positive: list[np.ndarray]
    cold: list[np.ndarray]
    queries: list[int]


def groups(dataset: Ratings, requests: Requests, shadow: Split, *, seed: int) -> Groups:
    """A group for each query of `shadow` of which a source named a positive.

    Raises DataError where there is none.
    """
    rng = np.random.default_rng(seed)
    columns = _Columns([], [], [], [])
    known = np.zeros(dataset.num_items, bool)
    known[dataset.item_idx[shadow.train_rows]] = True
    missed = 0
    for number, (items, features) in enumerate(requests.features(shadow.queries.unanswered())):
        wanted = dataset.item_idx[shadow.queries.targets[number]]
        is_positive = np.isin(items, wanted)
        missed += len(wanted) - int(is_positive.sum())
        if is_positive.any():
            rows = sampled(is_positive, rng)
            columns.features.append(features[rows])
            columns.is_positive.append(is_positive[rows])
            columns.cold.append(~known[items[rows]])
            columns.queries.append(number)
    if not columns.queries:
        raise DataError(f"{dataset.name}: of {len(shadow.queries)} label events no source named a single one.")
    return Groups(_visits(dataset, shadow, columns), len(shadow.queries), missed)


def sampled(is_positive: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows to keep, rising: all positives, and a draw of the others in which their place plays no part."""
    others = np.flatnonzero(~is_positive)
    most = MOST_NEGATIVES * min(int(is_positive.sum()), _MOST_POSITIVES_COUNTED)
    drawn = rng.choice(others, min(most, len(others)), replace=False)
    return np.sort(np.concatenate([np.flatnonzero(is_positive), drawn]))


def train(learned: Groups, *, seed: int, config: RankerConfig = CONFIG) -> RankerArtefact:
    served_s = learned.visits.served_s
    return train_ranker(
        [learned.visits],
        replace(config, seed=seed),
        since=datetime.fromtimestamp(np.floor(served_s.min()), UTC),
        until=datetime.fromtimestamp(np.floor(served_s.max()) + 1, UTC),
        feature_set=FEATURE_SET,
    )


def _visits(dataset: Ratings, shadow: Split, columns: _Columns) -> Visits:
    """Labels without position. The newest that a row knows, and that its sources had learned, of its own reader."""
    queries, sizes = np.array(columns.queries), np.array([len(part) for part in columns.is_positive])
    is_positive = np.concatenate(columns.is_positive)
    rows = len(is_positive)
    learned_s = newest_learned_s(dataset, shadow.queries, shadow.train_rows)
    known_s = np.array([dataset.interactions.times_s[history[-1]] for history in shadow.queries.history])
    return Visits(
        features=np.concatenate(columns.features),
        visit_ids=queries.astype(np.int64),
        visit_sizes=sizes.astype(np.int64),
        labels=np.where(is_positive, POSITIVE, ASSUMED_NEGATIVE).astype(np.int8),
        gains=is_positive.astype(np.int16),
        positions=np.full(rows, NONE, np.int32),
        columns=np.zeros(rows, np.int16),
        served_s=np.repeat(shadow.queries.at_s[queries], sizes),
        known_until_s=np.repeat(known_s[queries], sizes),
        trained_until_s=np.repeat(learned_s[queries], sizes),
        cold=np.concatenate(columns.cold),
    )


def newest_learned_s(dataset: Ratings, queries: Queries, rows: Sequence[int] | np.ndarray) -> np.ndarray:
    """(q,) float64, the newest event of each query's reader among `rows`; NaN for a reader without one there."""
    events = dataset.interactions
    readers, newest = np.unique(events.reader_ids[rows][::-1], return_index=True)
    times_s = events.times_s[rows][::-1][newest]
    place = np.minimum(np.searchsorted(readers, queries.reader_ids), len(readers) - 1)
    return np.where(readers[place] == queries.reader_ids, times_s[place], np.nan)
