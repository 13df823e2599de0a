"""Who chose what, and when: what candidate sources are fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Interactions:
    """Positive reactions in order of time: parallel arrays, one row a reader x item x moment.

    reader_ids, item_ids: (n,) int64.
    times_s: (n,) float64, seconds since 1970 UTC, never falling. Rows of one moment stand in no meaningful order.
    weights: (n,) float32, above 0: how much a reaction says (`feedback.kinds.WEIGHTS`).

    Raises ValueError for lengths that differ, ids that are no whole numbers, times that fall or are no numbers, weights
    that are not finite and above 0.
    """

    reader_ids: np.ndarray
    item_ids: np.ndarray
    times_s: np.ndarray
    weights: np.ndarray

    def __post_init__(self) -> None:
        lengths = {len(self.reader_ids), len(self.item_ids), len(self.times_s), len(self.weights)}
        if len(lengths) != 1:
            raise ValueError(f"Interactions are parallel arrays, but their lengths are {sorted(lengths)}.")
        _check_ids(self.reader_ids, self.item_ids)
        if not np.isfinite(self.times_s).all() or (np.diff(self.times_s) < 0).any():
            raise ValueError("times_s must be finite and in order. Sort stably by time: `Interactions.in_order`.")
        is_wrong = ~(np.isfinite(self.weights) & (self.weights > 0))
        if is_wrong.any():
            raise ValueError(f"weights must be finite and above 0, but one is {self.weights[is_wrong][0]}.")

    def __len__(self) -> int:
        return len(self.item_ids)

    @classmethod
    def in_order(
        cls, reader_ids: np.ndarray, item_ids: np.ndarray, times_s: np.ndarray, weights: np.ndarray | None = None
    ) -> Interactions:
        """Rows in any order, sorted by time; rows of one moment keep the order in which they came."""
        _check_ids(reader_ids, item_ids)
        order = np.argsort(times_s, kind="stable")
        weighed = np.ones(len(order), np.float32) if weights is None else np.asarray(weights, np.float32)[order]
        return cls(
            np.asarray(reader_ids, np.int64)[order],
            np.asarray(item_ids, np.int64)[order],
            np.asarray(times_s, np.float64)[order],
            weighed,
        )

    def before(self, time_s: float) -> Interactions:
        """Those that happened before `time_s`."""
        return self.between(-np.inf, time_s)

    def between(self, since_s: float, until_s: float) -> Interactions:
        """Those that happened from `since_s` on, before `until_s`."""
        begin, end = np.searchsorted(self.times_s, [since_s, until_s], side="left")
        return self.take(np.arange(begin, end))

    def take(self, rows: np.ndarray) -> Interactions:
        """Some of the rows: a mask, or numbers in rising order."""
        return Interactions(self.reader_ids[rows], self.item_ids[rows], self.times_s[rows], self.weights[rows])


def _check_ids(reader_ids: np.ndarray, item_ids: np.ndarray) -> None:
    """A column with nulls becomes floats, and its NaN some id or other when they are cast."""
    for name, ids in (("reader_ids", reader_ids), ("item_ids", item_ids)):
        if len(ids) and ids.dtype.kind not in "iu":
            raise ValueError(f"{name} are {ids.dtype}, but must be whole numbers. Leave out rows where they are null.")
