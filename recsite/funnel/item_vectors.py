"""A stage's vectors of items, as ranking compares them: near means alike."""

from __future__ import annotations

import numpy as np

from retrieval.ids import UNKNOWN
from retrieval.index_vectors import ItemVectors
from retrieval.stage import RetrievalStage


def unit_vectors(stage: RetrievalStage, item_ids: np.ndarray) -> np.ndarray:
    """(n, dim) float32 of norm 1, without a bias or prior where there is one; 0 for an item that has no vector.

    item_ids: (n,) int64. Where nothing has to be changed, the memory of the index itself: not to be written to.
    """
    towers, delta = stage.config.towers, stage.index.delta
    if not stage.config.has_bias and not len(delta) and np.array_equal(item_ids, stage.item_ids):
        return stage.item_vectors
    vectors = np.zeros((len(item_ids), towers.dim), np.float32)
    for known in (stage.index.base.items, delta):  # what was embedded later counts
        _put(known, item_ids, vectors)
    if towers.unit_norm:
        return vectors
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norms, np.finfo(np.float32).tiny)


def _put(known: ItemVectors, item_ids: np.ndarray, vectors: np.ndarray) -> None:
    rows = known.ids.idx_of(item_ids)
    found = rows != UNKNOWN
    vectors[found] = known.vectors[rows[found], : vectors.shape[1]]
