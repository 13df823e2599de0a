"""Which candidate is the best for the next slot, given those above: the best score within caps, or by MMR."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ranking.caps import CapCounts, CapKeys


@dataclass(frozen=True)
class Mmr:
    """Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    The next item has the highest relevance * score' - (1 - relevance) * similarity. score': the score, moved and
    scaled so that the page's candidates reach from 0 to 1, for scores of a ranker have no unit of their own.
    similarity: the cosine to the most similar candidate above on this page, 0 for none and for opposites.
    Pinned items and those from outside have no vector here, so nothing is held to be like them.
    """

    relevance: float = 0.8

    def __post_init__(self) -> None:
        if not 0 <= self.relevance <= 1:
            raise ValueError(f"relevance is {self.relevance}, but is a share, from 0 to 1.")


class GreedyOrder(Protocol):
    """Knows the rows of candidates, the best score first, and which of them are gone."""

    def best(self) -> int | None:
        """The row for the next slot without exploration; None when none may stand there."""

    def take(self, row: int) -> None:
        """The row is shown."""


class BestWithinCaps:
    """The highest score that the caps allow. cap_keys: by row.  taken: rows that are gone already."""

    def __init__(self, cap_keys: Sequence[CapKeys], counts: CapCounts, *, taken: Iterable[int] = ()) -> None:
        self._cap_keys, self._counts = cap_keys, counts
        self._taken = set(taken)
        self._first = 0

    def best(self) -> int | None:
        row, end = self._first, len(self._cap_keys)
        while row < end and (row in self._taken or not self._counts.allow(self._cap_keys[row])):
            row += 1
        self._first = row  # what is closed stays closed while caps stand
        return row if row < end else None

    def take(self, row: int) -> None:
        self._taken.add(row)


class BestByMmr:
    """scores: (n,) falling.  vectors: (n, dim) of norm 1."""

    def __init__(self, scores: np.ndarray, vectors: np.ndarray, mmr: Mmr) -> None:
        self._vectors, self._weight = vectors, 1.0 - mmr.relevance
        self._gain = mmr.relevance * scaled(scores)
        self._similarity = np.zeros(len(scores), np.float32)
        self._left = len(scores)

    def best(self) -> int | None:
        return int(np.argmax(self._gain - self._weight * self._similarity)) if self._left else None

    def take(self, row: int) -> None:
        np.maximum(self._similarity, self._vectors @ self._vectors[row], out=self._similarity)
        self._gain[row] = -np.inf
        self._left -= 1


def scaled(scores: np.ndarray) -> np.ndarray:
    """(n,) float32 from 0 to 1; 1 for all where they are equal."""
    if not len(scores):
        return np.empty(0, np.float32)
    low, high = float(scores.min()), float(scores.max())
    return ((scores - low) / (high - low) if high > low else np.ones(len(scores))).astype(np.float32)
