"""Grades for LambdaMART, and the gain of each.

LightGBM makes a pair of every two rows of a visit whose *gains* differ, so a grade of its own is not enough: with the
same gain, dismissed and viewed would teach nothing about each other. Dismissed is grade 0 with gain 0, viewed (and
assumed) negatives grade 1 with a small gain, positives of gain g grade 1 + g with gain `viewed_gain` + g. So a click
is still worth exactly 1 more than what was passed over, and a visit without a positive teaches if it has a dismissal.
Measured NDCG counts positives only, with their plain gains.
"""

from __future__ import annotations

import numpy as np

from ranking.visits import DISMISSED, Visits


def grades_of(visits: Visits) -> np.ndarray:
    """(rows,) int32: 0 dismissed, 1 not chosen, 1 + gain for positives."""
    return np.where(visits.labels == DISMISSED, 0, 1 + visits.gains.astype(np.int32))


def label_gains(highest_gain: int, *, viewed_gain: float) -> tuple[float, ...]:
    """LightGBM's `label_gain`: the gain of each grade, up to that of the highest kind."""
    return (0.0, *(viewed_gain + gain for gain in range(highest_gain + 1)))


def teaches(visits: Visits, *, viewed_gain: float) -> np.ndarray:
    """(num_visits,) bool: two of its rows differ in gain. LambdaMART has no gradient from the others."""
    gains = np.array(label_gains(int(visits.gains.max(initial=0)), viewed_gain=viewed_gain))[grades_of(visits)]
    if not visits.num_visits:
        return np.empty(0, bool)
    highest, lowest = np.maximum.reduceat(gains, visits.starts), np.minimum.reduceat(gains, visits.starts)
    return highest > lowest
