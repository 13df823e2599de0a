"""What of a reader's history speaks for an item: which kinds count, how much, and what takes them back."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from retrieval.ids import IdMap
from retrieval.query_state import QueryState

KindWeights = tuple[tuple[str, float], ...]
"""Pairs of an interaction's kind and how much it says, above 0. A kind that is not named says nothing."""

KIND_WEIGHTS: KindWeights = (("click", 1.0), ("outbound", 1.0), ("like", 3.0), ("save", 3.0))

TAKES_BACK = "dismiss"
"""Once an item was dismissed, what was done with it before speaks for it no longer."""


@dataclass(frozen=True)
class Evidence:
    """How a history is read.

    last_items: so many items count, from the most recent back.
    recency: each of them counts this much of the one chosen after it, from above 0 to 1 (all alike).
    kind_weights: what speaks for an item, and how much.
    """

    last_items: int
    recency: float
    kind_weights: KindWeights = KIND_WEIGHTS

    def __post_init__(self) -> None:
        if self.last_items < 1 or not 0 < self.recency <= 1:
            raise ValueError(
                f"last_items ({self.last_items}) must be 1 or more and recency ({self.recency}) in (0, 1]."
            )
        if len(dict(self.kind_weights)) != len(self.kind_weights):
            raise ValueError(f"kind_weights names a kind twice: {self.kind_weights}. Keep one weight a kind.")
        if not all(weight > 0 for _, weight in self.kind_weights):
            raise ValueError(f"kind_weights must be above 0, but are {self.kind_weights}. Leave out what says nothing.")
        if TAKES_BACK in dict(self.kind_weights):
            raise ValueError(f"{TAKES_BACK!r} cannot speak for an item. Leave it out of kind_weights.")

    def of(self, state: QueryState, items: IdMap) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The known items that the history speaks for, the most recent first, each once, at its most recent moment.

        Returns, each (n,): rows, int64; weights, float64, of what says most among the things done with an item; and
        shares, float64, from 1 down: what is left of each after `recency`.
        """
        said = _said(state, self.kind_weights)
        rows = items.idx_of(np.fromiter(said, np.int64, len(said)))
        weights = np.fromiter(said.values(), np.float64, len(said))
        known = np.flatnonzero(rows >= 0)[: self.last_items]
        return rows[known], weights[known], self.recency ** np.arange(len(known))


LAST_TEN = Evidence(last_items=10, recency=0.7)
LAST_TWENTY = Evidence(last_items=20, recency=0.8)
LASTING_TASTE = Evidence(last_items=500, recency=1.0)


_KEPT: WeakKeyDictionary[QueryState, dict[KindWeights, dict[int, float]]] = WeakKeyDictionary()
"""Five sources read one state alike; a history of five hundred takes as long to read as the answer to find."""


def _said(state: QueryState, kind_weights: KindWeights) -> dict[int, float]:
    """Weight by item id, the most recent first. Not to be changed."""
    kept = _KEPT.setdefault(state, {})
    if kind_weights not in kept:
        kept[kind_weights] = _read(state, dict(kind_weights))
    return kept[kind_weights]


def _read(state: QueryState, weights: dict[str, float]) -> dict[int, float]:
    said: dict[int, float] = {}
    dismissed: set[int] = set()
    for item_id, kind in zip(reversed(state.history.tolist()), reversed(state.history_kinds), strict=True):
        if kind == TAKES_BACK:
            dismissed.add(item_id)
        elif kind in weights and item_id not in dismissed:
            said[item_id] = max(said.get(item_id, 0.0), weights[kind])
    return said
