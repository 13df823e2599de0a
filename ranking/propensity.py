"""The chances of every item to be the next on a page. What is shown is drawn from them, and its propensity read off.

The policy: mostly the greedy item, the best that may stand there. With `epsilon` a slot explores: a share of those
slots takes any item from outside the candidates, all alike; the others draw from what is left of a pool of the best,
an item's chance being proportional to exp(score / temperature). One such draw after the other without replacement is
the model of Plackett (1975) and Luce (1959). An item can come by more than one way, so its probability is their sum.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate


class Branch(IntEnum):
    """By which way an item came to its slot. The log has these numbers."""

    PINNED = 1
    GREEDY = 2
    POOL = 3
    OUTSIDE = 4


class PoolWeights:
    """exp(score / temperature) of a pool, up to a common factor. scores: falling, one a place in the pool, from 0."""

    def __init__(self, scores: Sequence[float], temperature: float) -> None:
        self._scores, self._temperature = scores, temperature
        self._weights: list[float] = []
        self._first = len(scores)

    def of(self, places: Sequence[int]) -> list[float]:
        """Weights of some places, parallel to them. places: rising, at least one."""
        first = places[0]
        if first < self._first or self._weights[first] < _TOO_SMALL:
            self._weigh_from(first)
        return [self._weights[place] for place in places]

    def _weigh_from(self, first: int) -> None:
        """So that the best of what is left has weight 1, however far below others that are gone it lies."""
        best = self._scores[first]
        self._first = first
        self._weights = [math.exp(min(0.0, (score - best) / self._temperature)) for score in self._scores]


_TOO_SMALL = 1e-150


@dataclass(frozen=True, slots=True)
class SlotChances:
    """The distribution over items of one slot, given the slots above it.

    greedy, pool: whatever names candidates, each a different whole number.
    weights: chances within the pool, parallel to it, times `total`, their sum.
    of_greedy, of_pool, of_outside: of the three ways; they add up to 1.
    """

    greedy: int
    pool: Sequence[int]
    weights: Sequence[float]
    total: float
    of_greedy: float
    of_pool: float
    of_outside: float

    def of_candidate(self, candidate: int) -> float:
        """Probability that this candidate is shown, by whatever way. 0 for one that may not stand here."""
        probability = self.of_greedy if candidate == self.greedy else 0.0
        if self.of_pool and candidate in self.pool:
            probability += self.of_pool * self.weights[self.pool.index(candidate)] / self.total
        return probability

    def of_one_outside(self, num_open: int) -> float:
        """Probability that a certain one of the `num_open` items outside that may stand here is shown."""
        return self.of_outside / num_open

    def draw(self, way: float, within: float) -> tuple[Branch, int | None]:
        """The branch, and the candidate, None for one from outside. way, within: uniform in [0, 1)."""
        if way < self.of_greedy:
            return Branch.GREEDY, self.greedy
        if way < 1.0 - self.of_outside:
            reached = list(accumulate(self.weights))
            return Branch.POOL, self.pool[bisect_right(reached, within * reached[-1])]
        return Branch.OUTSIDE, None


def slot_chances(
    greedy: int,
    pool: Sequence[int],
    weights: Sequence[float],
    *,
    epsilon: float,
    outside_share: float,
    has_outside: bool,
) -> SlotChances:
    """The chances of the next slot.

    pool: what of the pool may stand here, weights parallel to it; the greedy item is usually among them. has_outside:
    whether any item from outside may stand here. Where one of the two has nothing left, an exploring slot takes the
    other; where neither has, the greedy item. An outside_share of 0 is never outside.
    """
    has_outside = has_outside and outside_share > 0
    if not epsilon or not (pool or has_outside):
        return SlotChances(greedy, (), (), 0.0, 1.0, 0.0, 0.0)
    of_outside = epsilon * (outside_share if pool else 1.0) if has_outside else 0.0
    return SlotChances(greedy, pool, weights, sum(weights), 1.0 - epsilon, epsilon - of_outside, of_outside)
