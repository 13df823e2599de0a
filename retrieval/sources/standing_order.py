"""An order of items that is the same for everybody, of which a reader gets what she can read and may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.ids import IdMap
from retrieval.sources.item_table import UNKNOWN_LANGUAGE

_BLOCK = 4096
_NO_ROWS = np.empty(0, np.int64)


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

    def allowed(self, languages: tuple[str, ...], exclude: np.ndarray) -> Allowed:
        """What is in one of these languages (none given: everything passes), and not among `exclude`, item ids."""
        passes = [not languages or code == UNKNOWN_LANGUAGE or code in languages for code in self.languages]
        excluded = self.items.idx_of(exclude)
        return Allowed(self, np.array(passes, bool), np.sort(excluded[excluded >= 0]))


@dataclass(frozen=True, eq=False)
class Allowed:
    """What one reader may see of an order. passes: (num_languages,) bool.  excluded: rows, rising.

    Only so much of an order is looked at as is asked for: of a million items the first 200 are soon found.
    """

    order: StandingOrder
    passes: np.ndarray
    excluded: np.ndarray

    def first(self, k: int, *, begin: int = 0, end: int | None = None) -> np.ndarray:
        """The first `k` rows from `begin` on, before `end`: (at most k,) int64."""
        end = len(self.order.items) if end is None else end
        found, number = [_NO_ROWS], 0
        for start in range(begin, end, _BLOCK):
            stop = min(start + _BLOCK, end)
            is_allowed = self.passes[self.order.language_idx[start:stop]]
            is_allowed[self._excluded_from(start, stop) - start] = False
            found.append(start + np.flatnonzero(is_allowed))
            number += len(found[-1])
            if number >= k:
                break
        return np.concatenate(found)[:k]

    def first_of(self, rows: np.ndarray, k: int) -> np.ndarray:
        """The first `k` of some rows, (n,) int64, in their order."""
        found, number = [_NO_ROWS], 0
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            block = block[self.passes[self.order.language_idx[block]]]
            found.append(block[~np.isin(block, self.excluded)] if len(self.excluded) else block)
            number += len(found[-1])
            if number >= k:
                break
        return np.concatenate(found)[:k]

    def _excluded_from(self, start: int, stop: int) -> np.ndarray:
        begin, end = np.searchsorted(self.excluded, [start, stop])
        return self.excluded[begin:end]
