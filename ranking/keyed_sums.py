"""Sums by key, looked up for many keys at once: of authors, whose numbers may be of any size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class KeyedSums:
    """keys: (k,) rising.  sums: (columns, k + 1) float64, the last of each for every other key."""

    keys: np.ndarray
    sums: np.ndarray

    @classmethod
    def of(cls, keys: np.ndarray, values: np.ndarray) -> KeyedSums:
        """keys: (n,) in any order, repeated as they like.  values: (columns, n)."""
        if not len(keys):
            return cls(keys, np.zeros((len(values), 1)))
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        sums = np.zeros((len(values), len(starts) + 1))
        np.add.reduceat(values[:, order], starts, axis=1, out=sums[:, :-1])
        return cls(keys[starts], sums)

    def at(self, keys: np.ndarray) -> np.ndarray:
        """(columns, n) for n keys."""
        if not len(self.keys):
            return self.sums[:, np.zeros(len(keys), np.int64)]
        found = np.minimum(self.keys.searchsorted(keys), len(self.keys) - 1)
        return self.sums[:, np.where(self.keys[found] == keys, found, len(self.keys))]
