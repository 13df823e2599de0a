"""What every candidate source answers with, and what it must be able to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retrieval.query_state import QueryState


@dataclass(frozen=True, eq=False)
class Candidates:
    """Items that one source proposes, best first: the rank of an item is its place, from 0.

    item_ids: (n,) int64, unique.  scores: (n,) float32, finite, never rising; comparable within one source only.

    Raises ValueError when that does not hold.
    """

    item_ids: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        if self.item_ids.shape != self.scores.shape or self.item_ids.ndim != 1:
            raise ValueError(f"ids {self.item_ids.shape} and scores {self.scores.shape} must be parallel lists.")
        if not np.isfinite(self.scores).all() or (self.scores[1:] > self.scores[:-1]).any():
            raise ValueError("Candidates stand best first, with finite scores.")
        in_order = np.sort(self.item_ids)  # np.unique says the same, but is a tenth of a search in an index
        if (in_order[1:] == in_order[:-1]).any():
            raise ValueError("An item stands among a source's candidates once.")

    def __len__(self) -> int:
        return len(self.item_ids)


NO_CANDIDATES = Candidates(np.empty(0, np.int64), np.empty(0, np.float32))


class Source(Protocol):
    """Something that proposes candidates: a fitted, immutable object, safe to ask from several threads.

    Each also has a way to be made, `fit(...)`, whose arguments are what that source learns from.
    """

    @property
    def name(self) -> str:
        """A short stable word such as "covisitation": it is logged beside every candidate."""

    def candidates(self, state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        """At most `k` items, none of `exclude` (item ids, int64, any order), best first; fewer if it knows no more."""
