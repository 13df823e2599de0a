"""Vectors for tests of the index, and what an exact search by hand answers."""

from __future__ import annotations

from functools import cache

import numpy as np

from retrieval.index import NO_IDS, Index, IndexConfig, Kind

DIM = 16
NUM_ITEMS = 3_000
APPROXIMATE = (Kind.HNSW, Kind.IVF_8BIT, Kind.IVF_4BIT)


def overlapping(num_items: int, seed: int) -> np.ndarray:
    """(num_items, DIM) float32 of different norms, in clusters that overlap."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((40, DIM))
    vectors = centres[rng.integers(40, size=num_items)] + rng.standard_normal((num_items, DIM))
    return vectors.astype(np.float32)


def item_ids(num_items: int) -> np.ndarray:
    return 10 + 3 * np.arange(num_items)


QUERIES = overlapping(60, seed=1)


@cache
def built(kind: Kind, num_items: int = NUM_ITEMS) -> Index:
    """Shared by all tests: nothing can change an index."""
    return built_afresh(kind, num_items)


def built_afresh(kind: Kind, num_items: int = NUM_ITEMS) -> Index:
    config = IndexConfig(kind=kind, recall_at=30, recall_goal=0.9)
    return Index.build(overlapping(num_items, seed=2), item_ids(num_items), config, queries=QUERIES)


def by_hand(index: Index, query: np.ndarray, k: int, exclude: np.ndarray = NO_IDS) -> list[int]:
    """The ids of the `k` best, by one multiplication and one sort."""
    items = index.items()
    left = ~np.isin(items.item_ids, exclude)
    scores, ids = (items.vectors @ query)[left], items.item_ids[left]
    return ids[np.argsort(-scores, kind="stable")][:k].tolist()


def recall(index: Index, k: int, exclude: np.ndarray = NO_IDS) -> float:
    """The share of the `k` best that is found, a mean over the queries."""
    return float(
        np.mean(
            [
                len(np.intersect1d(index.search(query, k, exclude).item_ids, by_hand(index, query, k, exclude))) / k
                for query in QUERIES
            ]
        )
    )
