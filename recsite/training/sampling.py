"""How much of everybody is taken, where there is more than can be taken in time."""

from __future__ import annotations

import numpy as np


def most_of_each(counts: np.ndarray, most: int) -> int:
    """The largest number, from 1, such that together there are at most `most`, if nobody gives more than that.

    counts: (n,) how many each has.
    """
    in_order = np.sort(counts)
    below = np.concatenate([[0], np.cumsum(in_order)])[:-1]  # of all that have fewer
    levels = (most - below) // np.arange(len(counts), 0, -1)
    fits = levels <= in_order
    return max(1, int(levels[np.argmax(fits)] if fits.any() else in_order[-1])) if len(counts) else 1
