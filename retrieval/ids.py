"""The one crossing between catalogue ids and the rows of matrices."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

UNKNOWN = -1
"""The `item_idx` of an id that a map does not hold."""


@dataclass(frozen=True, eq=False)
class IdMap:
    """item_ids: (num_items,) int64, unique, in the order of the rows that they name. Where they rise, the map takes no
    memory of its own.

    Raises ValueError for ids that repeat.
    """

    item_ids: np.ndarray
    _order: np.ndarray | None = field(init=False, repr=False)
    _sorted: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ids = np.ascontiguousarray(self.item_ids, dtype=np.int64)
        if ids.ndim != 1:
            raise ValueError(f"item_ids must have one dimension, but has the shape {ids.shape}.")
        order, in_order = None, ids
        if not (ids[1:] > ids[:-1]).all():
            order = np.argsort(ids, kind="stable")
            in_order = ids[order]
            repeated = in_order[1:][in_order[1:] == in_order[:-1]]
            if len(repeated):
                raise ValueError(f"{len(repeated)} item ids repeat, {repeated[0]} among them: an id names one row.")
        object.__setattr__(self, "item_ids", ids)
        object.__setattr__(self, "_order", order)
        object.__setattr__(self, "_sorted", in_order)

    def __len__(self) -> int:
        return len(self.item_ids)

    @property
    def nbytes(self) -> int:
        """Memory that it takes, the ids included."""
        return self.item_ids.nbytes + (0 if self._order is None else self._order.nbytes + self._sorted.nbytes)

    def idx_of(self, item_ids: np.ndarray) -> np.ndarray:
        """The rows of `item_ids`, any shape, int64; `UNKNOWN` where the map holds no such id."""
        wanted = np.asarray(item_ids, dtype=np.int64)
        if not len(self):
            return np.full(wanted.shape, UNKNOWN, dtype=np.int64)
        place = np.minimum(np.searchsorted(self._sorted, wanted), len(self) - 1)
        rows = place if self._order is None else self._order[place]
        return np.where(self._sorted[place] == wanted, rows, UNKNOWN)
