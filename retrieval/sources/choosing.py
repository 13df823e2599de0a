"""From scores to candidates: the best that are not excluded, in an order that never depends on chance."""

from __future__ import annotations

import numpy as np

from retrieval.candidates import Candidates


def best(item_ids: np.ndarray, scores: np.ndarray, k: int, *, exclude: np.ndarray) -> Candidates:
    """The `k` highest scores; among equals the lower item id stands first.

    item_ids: (n,) int64, unique, in any order.  scores: (n,), finite.  exclude: item ids, in any order.
    Raises ValueError when k is below 1.
    """
    at_least_one(k)
    scores = scores.astype(np.float32, copy=False)
    within = k + len(exclude)  # among so many, at least k are not excluded
    if within < len(scores):
        reaches = scores >= np.partition(scores, -within)[-within]
        item_ids, scores = item_ids[reaches], scores[reaches]
    if len(exclude):
        kept = ~np.isin(item_ids, exclude)
        item_ids, scores = item_ids[kept], scores[kept]
    order = np.lexsort((item_ids, -scores))[:k]
    return Candidates(item_ids[order], scores[order])


def at_least_one(k: int) -> None:
    """Raises ValueError when k is below 1."""
    if k < 1:
        raise ValueError(f"k must be 1 or more, but is {k}: ask for at least one candidate.")
