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


def drawn_of_each(keys: np.ndarray, most: int, *, seed: int) -> np.ndarray:
    """(n,) bool: about `most`, drawn at random, of as many keys as there are: of those that have many, fewer of each.

    keys: (n,) whose each is.
    """
    _, of_key, counts = np.unique(keys, return_inverse=True, return_counts=True)
    order = np.lexsort((np.random.default_rng(seed).random(len(keys)), of_key))
    place = np.empty(len(keys), np.int64)  # in its key's random order
    place[order] = np.arange(len(keys)) - np.repeat(np.cumsum(counts) - counts, counts)
    return place < most_of_each(counts, most)
