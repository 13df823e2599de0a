"""Logs of planted worlds: what was shown, who looked where, and what they chose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from ranking.config import ClickModelConfig, RankerConfig
from ranking.features import FeatureSet
from ranking.request import NONE
from ranking.visits import ASSUMED_NEGATIVE, NEGATIVE, POSITIVE, Visits

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
UNTIL = SINCE + timedelta(days=10)
FEATURE_SET = FeatureSet.of(["near"])
FAST = RankerConfig(
    num_leaves=7,
    learning_rate=0.15,
    num_trees=60,
    min_rows_in_leaf=20,
    patience=10,
    ndcg_at=10,
    click_model=ClickModelConfig(num_leaves=7, learning_rate=0.15, num_trees=60, patience=10),
)


def features_of(num_rows: int, **columns: np.ndarray) -> np.ndarray:
    """(num_rows, columns of the set) float32, NaN but for those named."""
    features = np.full((num_rows, len(FEATURE_SET)), np.nan, np.float32)
    for name, column in columns.items():
        features[:, FEATURE_SET.names.index(name)] = column
    return features


def visits_of(sizes: list[int], labels: list[int] | np.ndarray, **changes: Any) -> Visits:
    """Impressions in a single column, an equal time apart over the window; positives have gain 1."""
    num_rows, codes = int(np.sum(sizes)), np.asarray(labels, np.int8)
    first = np.cumsum(sizes) - sizes
    span_s = (UNTIL - SINCE).total_seconds()
    served_s = SINCE.timestamp() + np.repeat(np.arange(len(sizes)) / max(1, len(sizes)), sizes) * span_s
    columns: dict[str, Any] = {
        "features": features_of(num_rows, near_score=np.linspace(1, 0, num_rows)),
        "visit_ids": np.arange(len(sizes), dtype=np.int64),
        "visit_sizes": np.asarray(sizes, np.int64),
        "labels": codes,
        "gains": (codes == POSITIVE).astype(np.int16),
        "positions": (np.arange(num_rows) - np.repeat(first, sizes)).astype(np.int32),
        "columns": np.ones(num_rows, np.int16),
        "served_s": served_s,
        "known_until_s": served_s - 1,
        "trained_until_s": np.full(num_rows, SINCE.timestamp()),
        "cold": np.zeros(num_rows, bool),
    }
    return Visits(**(columns | changes))


def bootstrap_of(sizes: list[int], chosen: np.ndarray, **changes: Any) -> Visits:
    """Of each visit the rows in `chosen` (rows,) are positives, the rest assumed negatives."""
    rows = int(np.sum(sizes))
    labels = np.where(chosen, POSITIVE, ASSUMED_NEGATIVE)
    nowhere = {"positions": np.full(rows, NONE, np.int32), "columns": np.zeros(rows, np.int16)}
    return visits_of(sizes, labels, **(nowhere | changes))


def position_biased_log(
    num_visits: int, size: int, *, explored: float, seed: int, truth: tuple[float, float]
) -> tuple[Visits, np.ndarray]:
    """Slates in the order of `near_score`, of which a share `explored` is in random order; place k is looked at with
    probability 1 / (k + 1), and what is looked at is clicked by `truth`: the weights of near_score and popularity.

    Rows that were not looked at still count as viewed: a card on the screen is not a card that was read.
    Also returns (rows,) the true liking.
    """
    rng = np.random.default_rng(seed)
    near, liked = rng.normal(size=(2, num_visits, size))
    shown = np.argsort(-near, axis=1)
    shuffled = np.argsort(rng.random((num_visits, size)), axis=1)
    order = np.where(rng.random((num_visits, 1)) < explored, shuffled, shown)
    near, liked = np.take_along_axis(near, order, 1), np.take_along_axis(liked, order, 1)
    liking = truth[0] * near + truth[1] * liked
    clicked = rng.random(liking.shape) < 1 / (1 + np.exp(0.5 - liking)) / (1 + np.arange(size))
    features = features_of(near.size, near_score=near.ravel(), popularity=liked.ravel())
    labels = np.where(clicked, POSITIVE, NEGATIVE).ravel()
    return visits_of([size] * num_visits, labels, features=features), liking.ravel()
