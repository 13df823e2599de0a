"""Items and readers with tastes, for measuring an index: clusters that overlap, as tastes do.

1,000 cluster centres and a spread as wide as theirs in a 24-dimensional taste space: every fifth item lies nearer to
another cluster's centre than to its own. Separated clusters would hide what probing few lists costs. The taste space is
embedded in 64 dimensions, noise is added to all of them, and vectors get unit norm. Queries are drawn alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLUSTERS = 1_000
TASTE_DIM = 24
DIM = 64
SPREAD = 1.0
"""Of an item around its cluster's centre, a dimension; the centres' own is 1."""
NOISE = 0.1


@dataclass(frozen=True, eq=False)
class World:
    """item_ids rise, and leave gaps.  items, tuning, queries: (n, DIM) float32, unit norm.

    tuning: queries that an index may measure on.  queries: those that it is then asked.
    """

    item_ids: np.ndarray
    items: np.ndarray
    tuning: np.ndarray
    queries: np.ndarray


def drawn(num_items: int, num_tuning: int, num_queries: int, seed: int) -> World:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((CLUSTERS, TASTE_DIM), dtype=np.float32)
    embedding = np.linalg.qr(rng.standard_normal((DIM, TASTE_DIM)))[0].T.astype(np.float32)  # (TASTE_DIM, DIM)

    def vectors(count: int) -> np.ndarray:
        around = SPREAD * rng.standard_normal((count, TASTE_DIM), dtype=np.float32)
        tastes = centres[rng.integers(CLUSTERS, size=count)] + around
        drawn_ = tastes @ embedding + NOISE * rng.standard_normal((count, DIM), dtype=np.float32)
        return drawn_ / np.linalg.norm(drawn_, axis=1, keepdims=True)

    item_ids = np.cumsum(rng.integers(1, 4, size=num_items))
    return World(item_ids, vectors(num_items), vectors(num_tuning), vectors(num_queries))
