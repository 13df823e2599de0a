"""What sources must know of the catalogue itself: when an item was published, and in which language."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from retrieval.ids import UNKNOWN, IdMap

UNKNOWN_LANGUAGE = ""
"""An item whose language is not known is shown to everybody."""


@dataclass(frozen=True, eq=False)
class ItemTable:
    """item_ids: (num_items,) int64, unique.  published_s: (num_items,) float64, seconds since 1970 UTC.
    languages: a code such as "en" an item, "" where it is not known; left out, none is known.

    Raises ValueError for columns of different lengths, or times that are no numbers.
    """

    item_ids: np.ndarray
    published_s: np.ndarray
    languages: Sequence[str] | None = None
    _items: IdMap = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_items", IdMap(self.item_ids))
        lengths = {len(self.item_ids), len(self.published_s)}
        if self.languages is not None:
            lengths.add(len(self.languages))
        if len(lengths) != 1:
            raise ValueError(f"The columns of an ItemTable run parallel, but their lengths are {sorted(lengths)}.")
        if not np.isfinite(self.published_s).all():
            raise ValueError("published_s must be finite: every item has a time of publication.")

    def idx_of(self, item_ids: np.ndarray) -> np.ndarray:
        """The rows of `item_ids`; `retrieval.ids.UNKNOWN` where the table holds no such id."""
        return self._items.idx_of(item_ids)

    def languages_of(self, item_ids: np.ndarray) -> list[str]:
        """One an item; "" for an item of which the table does not know."""
        if self.languages is None:
            return [UNKNOWN_LANGUAGE] * len(item_ids)
        rows = self.idx_of(item_ids).tolist()
        return [UNKNOWN_LANGUAGE if row == UNKNOWN else self.languages[row] for row in rows]

    def newest_first(self) -> np.ndarray:
        """Rows, (num_items,) int64; of items published at one moment the lower id first."""
        return np.lexsort((self.item_ids, -self.published_s))


def first_out(published_s: np.ndarray, at_s: float) -> int:
    """The first row published by then: all after it were, too. published_s: (n,) float64, never rising, no NaN.

    A step at a time: `numpy.searchsorted` would want a rising copy of the whole column.
    """
    return bisect_left(published_s, -at_s, key=_falling)


def _falling(published_s: float) -> float:
    return -published_s
