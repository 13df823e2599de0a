"""Models that people already trust, fitted on the same rows as ours and asked with the same histories.

Every event counts 1, as the libraries' own examples have it. Whoever can takes the history that comes with a query, so
also what happened after training; BPR knows a reader only by what it learnt. Everything runs on one thread, or the
same seed would not give the same model.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from implicit.nearest_neighbours import CosineRecommender
from implicit.utils import ParameterWarning
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.retrieval_ease import MOST_ITEMS, fit_ease
from benchmarks.retrieval_matrix import history_matrix, training_matrix
from benchmarks.retrieval_protocols import Queries, Scorer, Split
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_runs import Model
from retrieval.ids import UNKNOWN, IdMap

_STEPS = 20
_BACKWARD = 0.5
_LAST_ITEMS = 10


def fit_random(dataset: Ratings, split: Split, *, seed: int) -> Scorer:
    """Any order at all: what a model has to be better than to know anything."""
    return _Random(dataset.num_items, np.random.default_rng(seed))


def fit_popularity(dataset: Ratings, split: Split, *, seed: int) -> Scorer:
    """How often an item was chosen."""
    return _Popularity(np.bincount(dataset.item_idx[split.train_rows], minlength=dataset.num_items).astype(np.float32))


def fit_item_knn(dataset: Ratings, split: Split, *, seed: int, neighbours: int) -> Scorer:
    """Cosine between items' columns of readers, the strongest `neighbours` an item, summed over the history."""
    model = CosineRecommender(K=neighbours, num_threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ParameterWarning)  # it turns its own matrix round, then warns of it
        model.fit(training_matrix(dataset, split)[1].astype(np.float64), show_progress=False)
    return SimilarItems(dataset, model.similarity.astype(np.float32).tocsr())


def fit_ials(
    dataset: Ratings,
    split: Split,
    *,
    seed: int,
    factors: int,
    regularization: float,
    alpha: float,
    iterations: int = 15,
) -> Scorer:
    """Hu, Koren and Volinsky, ICDM 2008, "Collaborative filtering for implicit feedback datasets"; a query's reader
    vector is solved for from her history."""
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=factors,
            regularization=regularization,
            alpha=alpha,
            iterations=iterations,
            num_threads=1,
            random_state=seed,
        )
        model.fit(training_matrix(dataset, split)[1], show_progress=False)
    return _Ials(dataset, model)


def fit_bpr(
    dataset: Ratings,
    split: Split,
    *,
    seed: int,
    factors: int,
    learning_rate: float,
    regularization: float,
    iterations: int,
) -> Scorer:
    """Rendle et al., UAI 2009, "BPR: Bayesian personalized ranking from implicit feedback"."""
    readers, matrix = training_matrix(dataset, split)
    with threadpool_limits(1, "blas"):
        model = BayesianPersonalizedRanking(
            factors=factors,
            learning_rate=learning_rate,
            regularization=regularization,
            iterations=iterations,
            num_threads=1,
            random_state=seed,
        )
        model.fit(matrix, show_progress=False)
    return _Bpr(readers, model.user_factors, model.item_factors)


def fit_covisitation(dataset: Ratings, split: Split, *, seed: int, recency: float, row_power: float) -> Scorer:
    """An item `gap` events after another of the same reader, up to 20, is worth 1 / gap to it, and half the other way.

    row_power: what an item says is divided by (how often it was chosen, plus 1) to this power.
    The last 10 items of a history ask, each counting `recency` of the one after it.
    """
    rows = split.train_rows[np.argsort(dataset.interactions.reader_ids[split.train_rows], kind="stable")]
    reader_ids, item_idx = dataset.interactions.reader_ids[rows], dataset.item_idx[rows].astype(np.int32)
    shape = (dataset.num_items, dataset.num_items)
    worth = sparse.csr_array(shape, dtype=np.float32)
    for gap in range(1, _STEPS + 1):
        together = reader_ids[:-gap] == reader_ids[gap:]
        earlier, later = item_idx[:-gap][together], item_idx[gap:][together]
        near = np.full(len(earlier), 1 / gap, np.float32)
        pairs = (np.concatenate([earlier, later]), np.concatenate([later, earlier]))
        worth = (
            worth + sparse.coo_array((np.concatenate([near, near * np.float32(_BACKWARD)]), pairs), shape=shape).tocsr()
        )
    chosen = np.bincount(item_idx, minlength=dataset.num_items) + 1.0
    worth.data /= np.repeat((chosen**row_power).astype(np.float32), np.diff(worth.indptr))
    return SimilarItems(dataset, worth, last_items=_LAST_ITEMS, recency=recency)


PEERS = (
    Model("random", fit_random),
    Model("popularity", fit_popularity),
    Model("item-kNN", fit_item_knn, ({"neighbours": 100}, {"neighbours": 20}, {"neighbours": 500})),
    Model(
        "iALS",
        fit_ials,
        (
            {"factors": 64, "regularization": 10.0, "alpha": 1.0},
            {"factors": 128, "regularization": 10.0, "alpha": 1.0},
            {"factors": 64, "regularization": 30.0, "alpha": 1.0},
            {"factors": 64, "regularization": 10.0, "alpha": 10.0},
        ),
        seeded=True,
    ),
    Model(
        "BPR",
        fit_bpr,
        (
            {"factors": 64, "learning_rate": 0.05, "regularization": 0.01, "iterations": 50},
            {"factors": 64, "learning_rate": 0.02, "regularization": 0.05, "iterations": 200},
            {"factors": 32, "learning_rate": 0.02, "regularization": 0.05, "iterations": 200},
        ),
        seeded=True,
    ),
    Model(
        "EASE",
        fit_ease,
        ({"penalty": 200.0}, {"penalty": 100.0}, {"penalty": 500.0}, {"penalty": 1000.0}),
        most_items=MOST_ITEMS,
    ),
    Model(
        "co-visitation",
        fit_covisitation,
        (
            {"recency": 0.7, "row_power": 1.0},
            {"recency": 0.7, "row_power": 0.5},
            {"recency": 0.7, "row_power": 0.0},
            {"recency": 0.9, "row_power": 1.0},
            {"recency": 0.9, "row_power": 0.5},
            {"recency": 0.9, "row_power": 0.0},
        ),
    ),
)


@dataclass(frozen=True, eq=False)
class _Random:
    num_items: int
    rng: np.random.Generator

    def scores(self, queries: Queries) -> np.ndarray:
        return self.rng.random((len(queries), self.num_items), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _Popularity:
    counts: np.ndarray

    def scores(self, queries: Queries) -> np.ndarray:
        return np.broadcast_to(self.counts, (len(queries), len(self.counts)))


@dataclass(frozen=True, eq=False)
class SimilarItems:
    """Sums over a history what its items say of others. similar: (num_items, num_items), from the row to the column."""

    dataset: Ratings
    similar: sparse.csr_array
    last_items: int | None = None
    recency: float = 1.0

    def scores(self, queries: Queries) -> np.ndarray:
        asking = history_matrix(self.dataset, queries, last_items=self.last_items, recency=self.recency)
        return np.asarray((asking @ self.similar).todense(), np.float32)


@dataclass(frozen=True, eq=False)
class _Ials:
    dataset: Ratings
    model: AlternatingLeastSquares

    def scores(self, queries: Queries) -> np.ndarray:
        history = sparse.csr_matrix(history_matrix(self.dataset, queries))
        return self.model.recalculate_user(np.arange(len(queries)), history) @ self.model.item_factors.T


@dataclass(frozen=True, eq=False)
class _Bpr:
    """A reader who was not trained on gets the mean of those who were."""

    readers: IdMap
    reader_factors: np.ndarray
    item_factors: np.ndarray

    def scores(self, queries: Queries) -> np.ndarray:
        rows = self.readers.idx_of(queries.reader_ids)
        known = np.where((rows == UNKNOWN)[:, None], self.reader_factors.mean(axis=0), self.reader_factors[rows])
        return known @ self.item_factors.T
