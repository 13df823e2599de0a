"""FAISS indexes: how each kind is built, and how it is asked.

A search never changes the index: what it may spend goes along as search parameters. FAISS answers one query in the
thread that asks. Building uses as many threads as `faiss.omp_set_num_threads` allows, which holds for the thread that
calls it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import faiss
import numpy as np

from retrieval.index_config import IndexConfig, Kind

_KMEANS_ROUNDS = 10
_INNER_PRODUCT = faiss.METRIC_INNER_PRODUCT


def built(kind: Kind, vectors: np.ndarray, config: IndexConfig) -> faiss.Index:
    """`kind` is not EXACT, which needs no index; vectors: (num_items, dim) float32."""
    if kind is Kind.HNSW:
        graph = faiss.IndexHNSWFlat(vectors.shape[1], config.hnsw_links, _INNER_PRODUCT)
        graph.hnsw.efConstruction = config.hnsw_build_effort
        graph.add(vectors)
        return graph
    lists = _untrained(kind, vectors.shape[1], config.lists_for(len(vectors)))
    lists.cp.niter, lists.cp.seed = _KMEANS_ROUNDS, config.seed
    lists.cp.min_points_per_centroid = 1  # FAISS warns of fewer than 39; the recall is measured afterwards anyway
    lists.train(vectors[_training_rows(len(vectors), lists.nlist * config.points_per_list, config.seed)])
    lists.add(vectors)
    return lists


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


def _training_rows(num_rows: int, wanted: int, seed: int) -> np.ndarray:
    if num_rows <= wanted:
        return np.arange(num_rows)
    return np.sort(np.random.default_rng(seed).choice(num_rows, wanted, replace=False))


def least_effort(kind: Kind, depth: int) -> int:
    """A graph search keeps `effort` items in hand, the closed among them: it sees no deeper."""
    return depth if kind is Kind.HNSW else 1


def most_effort(kind: Kind, index: faiss.Index) -> int:
    return index.ntotal if kind is Kind.HNSW else index.nlist


def parameters(kind: Kind, effort: int, selector: faiss.IDSelector | None) -> faiss.SearchParameters:
    """effort: efSearch of a graph, nprobe of inverted lists."""
    if kind is Kind.HNSW:
        return faiss.SearchParametersHNSW(efSearch=effort, sel=selector)
    return faiss.SearchParametersIVF(nprobe=effort, sel=selector)


def fetched(index: faiss.Index, query: np.ndarray, wanted: int, asked: faiss.SearchParameters) -> np.ndarray:
    """Row numbers, int64, at most `wanted`, in no order to rely on: their scores are quantised, and not returned."""
    _, rows = index.search(query[np.newaxis], wanted, params=asked)  # (1, wanted), padded with -1
    found = rows[0]
    return found[found >= 0] if found[-1] < 0 else found
