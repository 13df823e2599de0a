"""An order of items that is the same for everybody, of which a reader gets what she can read and may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.ids import IdMap
from retrieval.sources.item_table import UNKNOWN_LANGUAGE


@dataclass(frozen=True, eq=False)
class StandingOrder:
    """items: ids, the first first.  languages: all codes there are.  language_idx: (num_items,) int16, places in it."""

    items: IdMap
    languages: tuple[str, ...]
    language_idx: np.ndarray

    @classmethod
    def of(cls, item_ids: np.ndarray, languages: Sequence[str]) -> StandingOrder:
        """item_ids: (num_items,) int64, in order.  languages: one an item, "" where it is not known."""
        codes = sorted(set(languages))
        place = {code: index for index, code in enumerate(codes)}
        language_idx = np.fromiter((place[code] for code in languages), np.int16, len(languages))
        return cls(IdMap(item_ids), tuple(codes), language_idx)

    def allowed(self, languages: tuple[str, ...], exclude: np.ndarray) -> np.ndarray:
        """(num_items,) bool: in one of these languages (none given: all pass), and not among `exclude`, item ids."""
        passes = [not languages or code == UNKNOWN_LANGUAGE or code in languages for code in self.languages]
        allowed = np.array(passes, bool)[self.language_idx]
        excluded = self.items.idx_of(exclude)
        allowed[excluded[excluded >= 0]] = False
        return allowed
