"""How a release is trained, by size: "full" for a site that trains at night, "small" for a demo that trains at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ranking.config import RankerConfig
from recsite.training.sampling import most_of_each
from retrieval.config import Negatives, TowerConfig, TrainingConfig, TwoTowerConfig

_FULL = TwoTowerConfig(
    TowerConfig(dim=128, hidden=128, history_length=200, dropout=0.2, id_dropout=0.05, history_dropout=0.4),
    TrainingConfig(epochs=5, temperature=0.1, half_life_days=None, most_per_reader=100_000, refresh_interval_h=7 * 24),
)
"""What was best for the next choice on validation events of ML-100K (docs/retrieval.md has the tries)."""

_SMALL = TwoTowerConfig(
    TowerConfig(dim=64, hidden=64, history_length=100, dropout=0.2, id_dropout=0.05, history_dropout=0.4),
    TrainingConfig(
        epochs=3,
        learning_rate=4e-3,
        temperature=0.1,
        negatives=Negatives.SAMPLED,
        half_life_days=None,
        most_per_reader=100_000,
        refresh_interval_h=7 * 24,
    ),
)
"""The same within seconds: 512 negatives beside those of the batch cost half of what the whole catalogue does, and on
the made-up world found as much."""

_EPOCHS_ON = {"small": 1}
"""After so many more epochs the towers of a shadow know what came after it: on the made-up world NDCG@10 of the towers
was 0.048, where 3 epochs from the beginning gave 0.043, in half of the time. Larger trainings begin anew."""

_BOOTSTRAP = RankerConfig(
    num_leaves=15,
    learning_rate=0.03,
    num_trees=300,
    min_rows_in_leaf=200,
    feature_share=0.5,
    all_trees_from=2_000,
    ndcg_at=10,
    truncation=60,
)
"""Coarse and slow: of ML-100K's few thousand groups more was learned by heart than understood with 31 leaves of 50
rows. truncation is that of ndcg_at times six, for of a whole list only a part stands in a group. Trees see half of the
columns each, and where there are groups enough none stops early: docs/ranking.md."""

_SMALL_BOOTSTRAP = replace(_BOOTSTRAP, feature_share=1.0, refit=False)
"""Within seconds, of a thousand labels."""

SIZES = ("small", "full")


@dataclass(frozen=True)
class Amounts:
    """What a training may look at, at most.

    rows: that one training of the towers draws, all epochs together.
    labels: moments that a bootstrap asks a shadow about.  queries: moments, or visits, that a measurement asks about.
    visits: those whose slates a shadow is asked about, for a ranker to learn from.
    """

    rows: int
    labels: int
    queries: int
    visits: int


_AMOUNTS = {"small": Amounts(150_000, 1_000, 1_000, 2_000), "full": Amounts(1_000_000, 10_000, 10_000, 50_000)}


def amounts(size: str) -> Amounts:
    """Raises ValueError for a size that is none of `SIZES`."""
    _check(size)
    return _AMOUNTS[size]


def retriever_config(
    size: str,
    *,
    popularity_prior: float = 0.0,
    seed: int = 0,
    reader_ids: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> TwoTowerConfig:
    """popularity_prior: its strength; above 0 it takes the place of logQ.
    reader_ids, weights: of each positive that will be learned from; with them, what readers have the most of is cut
    down to what `Amounts.rows` allows.

    Without, what a changed config is told by: it does not depend on the data. Raises ValueError for an unknown size.
    """
    _check(size)
    chosen = _SMALL if size == "small" else _FULL
    training = replace(chosen.training, seed=seed)
    if popularity_prior:
        # Towers that are held against the whole catalogue know what is popular already.
        training = replace(training, popularity_prior=popularity_prior, log_q_strength=0.0, negatives=Negatives.SAMPLED)
    if reader_ids is not None:
        training = affordable(training, reader_ids, amounts(size).rows, weights)
    return replace(chosen, training=training)


def goes_on(size: str) -> bool:
    """Whether a release's towers go on from those of its shadow, which had learned until a little earlier."""
    _check(size)
    return size in _EPOCHS_ON


def going_on(config: TwoTowerConfig, size: str) -> TwoTowerConfig:
    """Of a training that goes on. Raises KeyError for a size that does not."""
    return replace(config, training=replace(config.training, epochs=_EPOCHS_ON[size]))


def ranker_config(size: str, *, bootstrap: bool, seed: int = 0, num_threads: int = 1) -> RankerConfig:
    """bootstrap: of label events, not of impressions. Raises ValueError for an unknown size."""
    _check(size)
    if bootstrap:
        chosen = _SMALL_BOOTSTRAP if size == "small" else _BOOTSTRAP
        return replace(chosen, seed=seed, num_threads=num_threads)
    trees = 200 if size == "small" else RankerConfig().num_trees
    return RankerConfig(num_trees=trees, seed=seed, num_threads=num_threads)


def affordable(
    training: TrainingConfig, reader_ids: np.ndarray, most_rows: int, weights: np.ndarray | None = None
) -> TrainingConfig:
    """Fewer rows of the readers who have the most, so that a training takes no longer where there is more data.

    reader_ids, weights: of each positive; an epoch draws one as often as it weighs, without weights once.
    """
    _, reader = np.unique(reader_ids, return_inverse=True)
    if not len(reader):
        return training
    rows = np.minimum(np.bincount(reader, weights), training.most_per_reader)
    most = most_of_each(np.ceil(rows).astype(np.int64), most_rows // training.epochs)
    return replace(training, most_per_reader=most)


def _check(size: str) -> None:
    if size not in SIZES:
        raise ValueError(f"There is no training of size {size!r}; choose one of {', '.join(SIZES)}.")
