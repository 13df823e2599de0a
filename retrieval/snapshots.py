"""What the candidate side knew of items at the beginning of each refresh interval, as the index has it at serving."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from retrieval.candidate_features import COUNTS
from retrieval.spool import Spool

RECENT_INTERVALS = 7


class Snapshots:
    """Counts of items at the beginning of each interval that has rows, and at the end of the window.

    ever: (num_items,) int64, positives of the whole window.
    latest: (num_items, COUNTS), as if an interval began where the window ends: after quiet days there is little in it
    but what was ever chosen.
    Held as float16: (intervals, items, COUNTS). A count is ln((c + 1) / (mean + 1)), so that a catalogue that grows
    busier does not look new to the tower.
    """

    def __init__(self, spool: Spool, num_items: int) -> None:
        self.interval_s = spool.interval_s
        self._place = {interval: place for place, interval in enumerate(spool.intervals)}
        ever = np.zeros(num_items, np.int64)
        recent: deque[tuple[int, np.ndarray]] = deque()
        self._counts = np.empty((len(spool.intervals), num_items, COUNTS), np.float16)
        for place, interval in enumerate(spool.intervals):
            self._counts[place] = _relative(recent, ever, interval)
            of_interval = spool.item_counts(interval, num_items)
            ever = ever + of_interval
            recent.append((interval, of_interval))
            while recent[0][0] <= interval - RECENT_INTERVALS:
                recent.popleft()
        self.ever: np.ndarray = ever
        self.latest: np.ndarray = _relative(recent, ever, math.ceil(spool.until_s / spool.interval_s))

    def counts(self, interval: int) -> np.ndarray:
        """(num_items, COUNTS) float16: what was known when `interval` began, so of nothing that happened in it."""
        return self._counts[self._place[interval]]


def _relative(recent: deque[tuple[int, np.ndarray]], ever: np.ndarray, interval: int) -> np.ndarray:
    none = np.zeros_like(ever)
    last = next((counts for when, counts in recent if when == interval - 1), none)
    week = sum((counts for when, counts in recent if when >= interval - RECENT_INTERVALS), start=none)
    columns = [np.log((counts + 1) / (counts.mean() + 1)) for counts in (last, week, ever)]
    return np.stack(columns, axis=1).astype(np.float16)
