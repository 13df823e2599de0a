"""How sure a rate is, where the slots it counts are not independent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import ndtri, stdtrit

CONFIDENCE = 0.95
_NOTHING = 1e-9
"""Less than this is what rounding leaves of groups that are all alike."""


@dataclass(frozen=True)
class Interval:
    """value: the rate, None where there was nothing to divide by.  lower, upper: in [0, 1]; None where it is not known
    how sure it is, which is not the same as sure."""

    value: float | None
    lower: float | None
    upper: float | None

    @property
    def text(self) -> str:
        """`5.1% (4.2% to 6.0%)`"""
        if self.value is None:
            return "–"
        if self.lower is None or self.upper is None:
            return f"{self.value:.1%}"
        return f"{self.value:.1%} ({self.lower:.1%} to {self.upper:.1%})"


UNKNOWN = Interval(None, None, None)


def jackknife_rate(numerators: np.ndarray, denominators: np.ndarray) -> Interval:
    """`sum(numerators) / sum(denominators)` with its 95% interval, by the delete-a-group jackknife.

    numerators, denominators: (groups,) counts of groups of readers that were put together by chance; no numerator is
    larger than its denominator.

    The rate without group g, for each of G groups, has variance (G - 1) / G * sum((rate_g - rate)^2); the interval is
    Student's, with G - 1 degrees of freedom, clipped to [0, 1]. Wolter, Introduction to Variance Estimation, 2nd ed.
    2007, chapter 4; Kott, The Delete-a-Group Jackknife, Journal of Official Statistics 17 (2001). It asks nothing of
    the slots within a group, which belong to the same readers and visits.

    Where we depart from it: groups without a denominator are no groups, and with fewer than two no interval is known.
    Groups that all have the very same rate, mostly 0, differ in nothing: the jackknife would call that certain. There
    it is Wilson's interval of as many independent slots instead, which is too narrow rather than too wide.
    """
    counted = denominators > 0
    numerators, denominators = numerators[counted].astype(float), denominators[counted].astype(float)
    groups, total = len(denominators), denominators.sum()
    if not groups:
        return UNKNOWN
    rate = float(numerators.sum() / total)
    if groups == 1:
        return Interval(rate, None, None)
    reach = _reach(rate, (numerators.sum() - numerators) / (total - denominators))
    if reach < _NOTHING:
        return independent_rate(numerators.sum(), total)
    return Interval(rate, max(0.0, rate - reach), min(1.0, rate + reach))


def jackknife_change(
    numerators_before: np.ndarray, denominators_before: np.ndarray, numerators: np.ndarray, denominators: np.ndarray
) -> Interval:
    """A rate less what it was before, with its 95% interval, from -1 to 1: the same groups of readers before and after
    are left out together, so what a group always is cancels out. See `jackknife_rate`.

    No interval where too few groups are on both sides, or where they do not differ in anything.
    """
    before, after = float(denominators_before.sum()), float(denominators.sum())
    if not before or not after:
        return UNKNOWN
    change = float(numerators.sum() / after - numerators_before.sum() / before)
    known = (denominators_before + denominators) > 0
    left_before, left = (before - denominators_before)[known], (after - denominators)[known]
    if known.sum() < 2 or not (left_before > 0).all() or not (left > 0).all():
        return Interval(change, None, None)
    rate = (numerators.sum() - numerators[known]) / left
    reach = _reach(change, rate - (numerators_before.sum() - numerators_before[known]) / left_before)
    if reach < _NOTHING:
        return Interval(change, None, None)
    return Interval(change, max(-1.0, change - reach), min(1.0, change + reach))


def jackknife(counts: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> Interval:
    """A share of sums, with its 95% interval: see `jackknife_rate`, of which this is the general form.

    counts: (groups, columns).  statistic: (n,) values from 0 to 1 of (n, columns) sums, NaN where they say nothing.
    """
    counts = counts[counts.any(axis=1)].astype(float)
    total = counts.sum(axis=0)
    value, *without = statistic(np.concatenate([total[None], total - counts])).tolist()
    if np.isnan(value):
        return UNKNOWN
    if len(without) < 2 or np.isnan(without).any():
        return Interval(value, None, None)
    reach = _reach(value, np.array(without))
    if reach < _NOTHING:
        return Interval(value, None, None)
    return Interval(value, max(0.0, value - reach), min(1.0, value + reach))


def independent_rate(numerator: float, denominator: float) -> Interval:
    """`numerator / denominator` with Wilson's 95% interval: of slots that have nothing to do with each other, such as
    those of one item, which hardly any reader is shown twice.

    Wilson, Journal of the American Statistical Association 22 (1927).
    """
    if not denominator:
        return UNKNOWN
    rate, z = min(float(numerator / denominator), 1.0), float(ndtri(0.5 + CONFIDENCE / 2))
    middle = (rate + z * z / (2 * denominator)) / (1 + z * z / denominator)
    spread = sqrt(rate * (1 - rate) / denominator + z * z / (4 * denominator * denominator))
    reach = z / (1 + z * z / denominator) * spread
    return Interval(rate, max(0.0, min(rate, middle - reach)), min(1.0, max(rate, middle + reach)))


def _reach(whole: float, without: np.ndarray) -> float:
    """Half the interval's width. without: (groups,), the statistic without each group."""
    groups = len(without)
    variance = (groups - 1) / groups * float(np.square(without - whole).sum())
    return float(stdtrit(groups - 1, 0.5 + CONFIDENCE / 2)) * sqrt(variance)
