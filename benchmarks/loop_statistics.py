"""How good an arm of the loop is, and whether two differ. One world is one seed, and seeds are what is counted.

Readers, visits and rounds of one world share its items, its luck and a history that the arm itself has made, so none
of them is a repetition of another: only another seed is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from scipy.special import stdtrit

from benchmarks.loop_results import LoopResults

LEVEL = 0.95
RANDOM, ORACLE = "random", "oracle"
PAIR = ("d", "aa")
"""Two arms that differ in nothing but luck."""


@dataclass(frozen=True)
class Estimate:
    """A mean over worlds. low, high: of its 95% interval, None where fewer than two are known.  seeds: how many are."""

    mean: float
    low: float | None
    high: float | None
    seeds: int

    @property
    def decided(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def normalised(results: LoopResults, arm: str) -> np.ndarray:
    """(seeds, rounds): which part of the way from random to perfect the arm has come, in the same world and round.

    (utility of the arm - of random) / (of the oracle - of random): 0 is as good as random, 1 as good as knowing every
    taste, below 0 worse than random. NaN where one of the three is not known, or where the oracle is not above random,
    as there is no way to go then.
    """
    utility, lowest, highest = (results.measured(key, "utility") for key in (arm, RANDOM, ORACLE))
    way = highest - lowest
    return np.divide(utility - lowest, way, out=np.full_like(way, np.nan), where=way > 0)


# --- one figure an arm and world ---


def late(values: np.ndarray) -> np.ndarray:
    """(seeds,) of (seeds, rounds): the mean of the last quarter of the rounds, rounded up: 2 of 8, 1 of 4.

    NaN for a world in which one of these rounds is not known. Which rounds count was chosen before any arm was run.
    """
    return values[:, values.shape[1] - _quarter(values) :].mean(axis=1)


def early(values: np.ndarray) -> np.ndarray:
    """(seeds,) of (seeds, rounds): the same of the first quarter."""
    return values[:, : _quarter(values)].mean(axis=1)


def _quarter(values: np.ndarray) -> int:
    return ceil(values.shape[1] / 4)


# --- over worlds ---


def over_seeds(values: np.ndarray) -> Estimate | None:
    """values: (seeds,); NaN is left out. None where nothing is known.

    Student's t: mean +- t(n - 1, 0.975) * s / sqrt(n), s with n - 1 below the line. Never a bootstrap: a handful of
    seeds drawn again and again has too few different values, and its interval is too narrow.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    mean, n = float(known.mean()), len(known)
    if n < 2:
        return Estimate(mean, None, None, n)
    reach = float(stdtrit(n - 1, 0.5 + LEVEL / 2)) * float(known.std(ddof=1)) / sqrt(n)
    return Estimate(mean, mean - reach, mean + reach, n)


def difference(ours: np.ndarray, theirs: np.ndarray) -> Estimate | None:
    """`ours` less `theirs`, both (seeds,), paired by seed: worlds that both have. None for fewer than two of them.

    The interval is for this difference alone: of twenty that are none, one leaves 0 out by luck.
    """
    found = over_seeds(ours - theirs)
    return None if found is None or found.seeds < 2 else found


def curve(values: np.ndarray) -> list[Estimate | None]:
    """Round by round, of (seeds, rounds): over the worlds that have come so far."""
    return [over_seeds(column) for column in values.T]


# --- noise ---


def noise_floor(ours: np.ndarray, theirs: np.ndarray) -> float | None:
    """The standard deviation of one round's difference between two arms that differ in nothing but luck.

    ours, theirs: (seeds, rounds), normalised. Over all worlds and rounds after the first: before the first training
    they are the same. With n - 1 below the line; None for fewer than two such rounds.
    """
    differences = (ours - theirs)[:, 1:]
    known = differences[~np.isnan(differences)]
    return None if len(known) < 2 else float(known.std(ddof=1))


def converged_after(values: np.ndarray, floor: float | None) -> int | None:
    """The first round after which two successive changes of the mean curve lie inside the noise floor.

    values: (seeds, rounds). None when never, or where the floor is not known. A change is the mean over the worlds that
    have both rounds: a world that ends early is no change. The floor is that of one world, and a mean of several is
    steadier, so this says rather too early than too late.
    """
    if floor is None:
        return None
    changes = [over_seeds(column) for column in np.diff(values, axis=1).T]
    inside = [change is not None and abs(change.mean) <= floor for change in changes]
    return next((place + 1 for place in range(len(inside) - 1) if inside[place] and inside[place + 1]), None)


def noise_of(results: LoopResults) -> float | None:
    """The noise floor of these results."""
    ours, theirs = PAIR
    return noise_floor(normalised(results, ours), normalised(results, theirs))
