"""Readers' events as sparse rows over the catalogue."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from benchmarks.retrieval_protocols import Queries, Split
from benchmarks.retrieval_ratings import Ratings
from retrieval.ids import IdMap


def training_matrix(dataset: Ratings, split: Split) -> tuple[IdMap, sparse.csr_matrix]:
    """The readers trained on, and (readers, num_items) float32 with 1 for what each chose."""
    readers, place = np.unique(dataset.interactions.reader_ids[split.train_rows], return_inverse=True)
    chosen = (place, dataset.item_idx[split.train_rows])
    ones = np.ones(len(split.train_rows), np.float32)
    return IdMap(readers), sparse.csr_matrix((ones, chosen), shape=(len(readers), dataset.num_items))


def history_matrix(
    dataset: Ratings, queries: Queries, *, last_items: int | None = None, recency: float = 1.0
) -> sparse.csr_array:
    """(q, num_items) float32: 1 for a history's last item, `recency` of it for each one further back.

    last_items: how many of the most recent count; None for all.
    """
    histories = [history if last_items is None else history[-last_items:] for history in queries.history]
    lengths = np.array([len(history) for history in histories], np.int64)
    rows = np.concatenate([np.empty(0, np.int64), *histories])
    ends = np.cumsum(lengths)
    back = np.repeat(ends, lengths) - 1 - np.arange(len(rows))
    weights = (recency**back).astype(np.float32)
    offsets = np.concatenate([[0], ends])
    matrix = sparse.csr_array((weights, dataset.item_idx[rows], offsets), shape=(len(queries), dataset.num_items))
    matrix.sort_indices()
    return matrix
