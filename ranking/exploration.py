"""How much a page leaves to chance, and the items from which it draws that no source had named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ranking.caps import CapCounts, CapKeys

_BLOCK = 4096


@dataclass(frozen=True)
class ExplorationConfig:
    """epsilon: share of slots that explore; 0 leaves nothing to chance.
    outside_share: of those, the share that takes an item from outside the candidates.
    pool: the others draw from so many of the best candidates.
    temperature: of that draw, in standard deviations of the pool's scores: the lower, the more it keeps to the best.
    Orders differ in the unit of their scores, and a ranker's changes with every training; what was used, in that
    unit, is logged.
    """

    epsilon: float = 0.1
    outside_share: float = 0.2
    pool: int = 40
    temperature: float = 1.0

    def __post_init__(self) -> None:
        for name, share in (("epsilon", self.epsilon), ("outside_share", self.outside_share)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is {share}, but is a share, from 0 to 1.")
        if self.pool < 1:
            raise ValueError(f"pool is {self.pool}; it holds 1 item or more. To draw from none, let epsilon be 0.")
        if not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature}, but must be above 0. To draw none, let epsilon be 0.")

    def temperature_of(self, scores: Sequence[float]) -> float:
        """In the unit of the pool's scores. Among equals any temperature is as good: 1."""
        if not scores:
            return 1.0
        mean = math.fsum(scores) / len(scores)
        spread = math.sqrt(math.fsum([(score - mean) ** 2 for score in scores]) / len(scores))
        return self.temperature * spread or 1.0


NO_EXPLORATION = ExplorationConfig(epsilon=0.0)
USUAL_EXPLORATION = ExplorationConfig()


@dataclass(frozen=True, eq=False)
class Outside:
    """Items that may be shown though no source named them: such as all that are public, in the reader's languages.

    It is meant to be made once a snapshot and shared by requests. Candidates and hidden items may be among them; a
    page leaves them out.
    item_ids: (m,) int64, rising.  cap_keys: (m, 2) int64, see `ranking.caps`.  rule: says in words which items these
    are, for the log, at most 200 characters.
    """

    item_ids: np.ndarray
    cap_keys: np.ndarray
    rule: str

    def __post_init__(self) -> None:
        if self.cap_keys.shape != (len(self.item_ids), 2):
            raise ValueError(f"cap_keys is {self.cap_keys.shape}, but must be ({len(self.item_ids)}, 2).")
        if (np.diff(self.item_ids) <= 0).any():
            raise ValueError("The item_ids outside must rise: each stands there once and is found by bisection.")
        if len(self.rule) > 200:
            raise ValueError(f"The log has 200 characters for the rule, but it has {len(self.rule)}.")
        object.__setattr__(self, "cap_keys", np.asfortranarray(self.cap_keys))  # they are read column by column

    def __len__(self) -> int:
        return len(self.item_ids)

    def rows_of(self, item_ids: np.ndarray) -> np.ndarray:
        """The rows of those that are here, int64; what is not here is left out."""
        if not len(self):
            return np.empty(0, np.int64)
        rows = np.minimum(np.searchsorted(self.item_ids, item_ids), len(self) - 1)
        return rows[self.item_ids[rows] == item_ids]


NOTHING_OUTSIDE = Outside(np.empty(0, np.int64), np.empty((0, 2), np.int64), "")


class OpenOutside:
    """What of the items outside may still stand on a page, as it fills.

    Every slot asks whether there is any; how many there are, which takes a pass over all, only a slot that draws one.
    without: item ids, (n,) int64, that may not be drawn.  size: how many there were at first, before caps.
    """

    def __init__(self, outside: Outside, counts: CapCounts, *, without: np.ndarray) -> None:
        self.item_ids, self.rule, self._cap_keys = outside.item_ids, outside.rule, outside.cap_keys
        self._counts = counts
        # Searched in rising order they are found twice as fast.
        self._closed = set(outside.rows_of(np.sort(without)).tolist())
        self.size = len(outside) - len(self._closed)
        self._move_to(0)

    def any(self) -> bool:
        """Whether there is one. What is closed stays closed, so each row is looked at once a page, or a second time
        after `rewind`."""
        while self._first < len(self.item_ids):
            if self._first not in self._closed and self._counts.allow(self._first_keys):
                return True
            found = np.flatnonzero(self._open(slice(self._first, self._first + _BLOCK)))
            self._move_to(self._first + (int(found[0]) if len(found) else _BLOCK))
        return False

    def pick(self, drawn: float) -> tuple[int, int]:
        """Any of them, all alike: its row, and how many there were. drawn: uniform in [0, 1)."""
        is_open = self._open(slice(0, len(self.item_ids)))
        blocks = [is_open[begin : begin + _BLOCK] for begin in range(0, len(is_open), _BLOCK)]
        counts = [int(np.count_nonzero(block)) for block in blocks]
        num_open = sum(counts)
        place, block = int(drawn * num_open), 0
        while place >= counts[block]:
            place -= counts[block]
            block += 1
        return block * _BLOCK + int(np.flatnonzero(blocks[block])[place]), num_open

    def take(self, row: int) -> None:
        self._closed.add(row)

    def rewind(self) -> None:
        """To be called when caps are lifted: what they had closed is open."""
        self._move_to(0)

    def keys(self, row: int) -> CapKeys:
        topic, author = self._cap_keys[row].tolist()
        return topic, author

    def _move_to(self, row: int) -> None:
        self._first = row
        if row < len(self.item_ids):
            self._first_keys = self.keys(row)

    def _open(self, block: slice) -> np.ndarray:
        is_open = self._counts.allowed(self._cap_keys[block])
        closed = [row - block.start for row in self._closed if block.start <= row < block.stop]
        is_open[closed] = False
        return is_open
