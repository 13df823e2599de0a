"""FAISS indexes: how each kind is built, and how it is asked.

A search never changes the index: what it may spend goes along as search parameters. FAISS answers one query in the
thread that asks. Building uses as many threads as `faiss.omp_set_num_threads` allows, which holds for the thread that
calls it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import faiss
import numpy as np

from retrieval.index_config import IndexConfig, Kind

_KMEANS_ROUNDS = 20
_INNER_PRODUCT = faiss.METRIC_INNER_PRODUCT

_DIRECTIONS_A_STEP = 8
_QUERIES_TO_RANK = 50
_LEAST_BEST = 10
_ONE_QUERY_INTO_A_RESERVOIR = 11
"""FastScan's way for one query that fetches many: a fifth faster than the one that it chooses by itself."""


@dataclass(frozen=True, eq=False)
class Ann:
    """A FAISS index, and how vectors get into it.

    directions: (dim, kept) float32, orthonormal columns: what the index holds of a vector is `vector @ directions`.
        None where it holds all.
    """

    index: faiss.Index
    directions: np.ndarray | None = None

    def __post_init__(self) -> None:
        if isinstance(self.index, faiss.IndexIVFFastScan):
            self.index.implem = _ONE_QUERY_INTO_A_RESERVOIR  # of serving alone: FAISS keeps it in no file

    @property
    def shape(self) -> tuple[int, int]:
        """Of the vectors that it was built of."""
        return self.index.ntotal, self.index.d if self.directions is None else len(self.directions)

    def fetched(self, query: np.ndarray, wanted: int, asked: faiss.SearchParameters) -> np.ndarray:
        """Row numbers, int64, at most `wanted`, in no order to rely on: their scores are quantised, and not returned.

        query: (dim,) float32.
        """
        held = query if self.directions is None else query @ self.directions
        _, rows = self.index.search(held[np.newaxis], wanted, params=asked)  # (1, wanted), padded with -1
        found = rows[0]
        return found[found >= 0] if found[-1] < 0 else found


def built(kind: Kind, vectors: np.ndarray, queries: np.ndarray, config: IndexConfig) -> Ann:
    """`kind` is not EXACT, which needs no index; vectors: (num_items, dim) float32; queries: (n, dim) float32, like
    those that will be asked."""
    if kind is Kind.HNSW:
        graph = faiss.IndexHNSWFlat(vectors.shape[1], config.hnsw_links, _INNER_PRODUCT)
        graph.hnsw.efConstruction = config.hnsw_build_effort
        graph.add(vectors)
        return Ann(graph)
    num_lists = config.lists_for(len(vectors))
    sample = vectors[_training_rows(len(vectors), num_lists * config.points_per_list, config.seed)]
    directions = None
    if kind is Kind.IVF_4BIT:
        best = max(_LEAST_BEST, round(config.recall_at * len(sample) / len(vectors)))  # as far down the ranking
        directions = leading_directions(sample, queries, min(best, len(sample)), config.kept_best)
    lists = _untrained(kind, vectors.shape[1] if directions is None else directions.shape[1], num_lists)
    lists.cp.niter, lists.cp.seed = _KMEANS_ROUNDS, config.seed
    lists.cp.min_points_per_centroid = 1  # FAISS warns of fewer than 39; the recall is measured afterwards anyway
    lists.cp.max_points_per_centroid = config.points_per_list
    lists.train(_held(sample, directions))
    lists.add(_held(vectors, directions))
    return Ann(lists, directions)


def leading_directions(vectors: np.ndarray, queries: np.ndarray, best: int, kept_best: float) -> np.ndarray | None:
    """Principal directions of the items, as many as rank them nearly as all do: (dim, kept) float32, None for all.

    A score is a sum over directions. Along each, scores of one query differ between items by the variance of the items
    times the square of the query there; by its mean over queries directions are put in order, so that one in which
    items hardly differ stands in front where queries weigh it heavily, as they do a popularity prior. Then the first 8,
    16, 24 ... are tried, until their scores alone have `kept_best` of the `best` items of a query among the best.

    vectors: (n, dim) float32.  queries: (m, dim) float32, m above 0.  best: at least 1, at most n.
    """
    queries = queries[:: -(-len(queries) // _QUERIES_TO_RANK)]
    covariance = np.cov(vectors, rowvar=False, dtype=np.float64).reshape(2 * vectors.shape[1:])
    variances, directions = np.linalg.eigh(covariance)
    spreads = variances * np.square(queries @ directions).mean(axis=0)
    directions = directions[:, np.argsort(-spreads, kind="stable")].astype(np.float32)
    is_best = _is_best(queries @ vectors.T, best)
    scores = np.zeros_like(is_best, np.float32)  # (m, n)
    for kept in range(_DIRECTIONS_A_STEP, vectors.shape[1], _DIRECTIONS_A_STEP):
        further = directions[:, kept - _DIRECTIONS_A_STEP : kept]
        scores += (queries @ further) @ (vectors @ further).T
        if (_is_best(scores, best) & is_best).sum() >= kept_best * is_best.sum():
            return np.ascontiguousarray(directions[:, :kept])
    return None


def _is_best(scores: np.ndarray, best: int) -> np.ndarray:
    """Which are the `best` highest of their row: (m, n) bool."""
    return scores >= np.partition(scores, -best, axis=1)[:, -best, np.newaxis]


@contextmanager
def one_thread() -> Iterator[None]:
    """What this thread builds inside takes no other."""
    allowed = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(allowed)


def _untrained(kind: Kind, dim: int, num_lists: int) -> faiss.IndexIVF:
    centres = faiss.IndexFlatIP(dim)
    if kind is Kind.IVF_8BIT:
        levels = faiss.ScalarQuantizer.QT_8bit
        lists = faiss.IndexIVFScalarQuantizer(centres, dim, num_lists, levels, _INNER_PRODUCT, True)
    else:
        lists = faiss.IndexIVFPQFastScan(centres, dim, num_lists, dim, 4, _INNER_PRODUCT)
        lists.by_residual = True  # quantising what is left beside the centre: recall 0.83 -> 0.87 before reordering
    return lists


def _held(vectors: np.ndarray, directions: np.ndarray | None) -> np.ndarray:
    return vectors if directions is None else vectors @ directions


def _training_rows(num_rows: int, wanted: int, seed: int) -> np.ndarray:
    if num_rows <= wanted:
        return np.arange(num_rows)
    return np.sort(np.random.default_rng(seed).choice(num_rows, wanted, replace=False))


def least_effort(kind: Kind, depth: int) -> int:
    """A graph search keeps `effort` items in hand, the closed among them: it sees no deeper."""
    return depth if kind is Kind.HNSW else 1


def most_effort(kind: Kind, ann: Ann) -> int:
    return ann.index.ntotal if kind is Kind.HNSW else ann.index.nlist


def parameters(kind: Kind, effort: int, selector: faiss.IDSelector | None) -> faiss.SearchParameters:
    """effort: efSearch of a graph, nprobe of inverted lists."""
    if kind is Kind.HNSW:
        return faiss.SearchParametersHNSW(efSearch=effort, sel=selector)
    return faiss.SearchParametersIVF(nprobe=effort, sel=selector)
