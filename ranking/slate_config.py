"""What goes into a page: scored candidates, the rules of the site and of the reader, and how the page is made."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import numpy as np

from ranking.caps import NO_CAPS, USUAL_CAPS, CapKeys, Caps
from ranking.diversity import Mmr
from ranking.exploration import USUAL_EXPLORATION, ExplorationConfig
from ranking.request import NONE


@dataclass(frozen=True, eq=False)
class ScoredCandidates:
    """What an order made of the candidates, in any order; among equal scores the one given first stands first.

    item_ids: (n,) int64, unique.  scores: (n,) float32, finite, higher is better.
    cap_keys: (n, 2) int64, topic and author, see `ranking.caps.cap_keys_of`.
    vectors: (n, dim) float32 of norm 1, for MMR and for distances; None where neither is wanted.

    Raises ValueError when shapes do not fit or a score is not finite.
    """

    item_ids: np.ndarray
    scores: np.ndarray
    cap_keys: np.ndarray
    vectors: np.ndarray | None = None

    def __post_init__(self) -> None:
        n = len(self.item_ids)
        if self.scores.shape != (n,) or self.cap_keys.shape != (n, 2):
            raise ValueError(
                f"There are {n} candidates, but scores are {self.scores.shape} and cap_keys {self.cap_keys.shape}: "
                f"they must be ({n},) and ({n}, 2)."
            )
        if self.vectors is not None and (self.vectors.ndim != 2 or len(self.vectors) != n):
            raise ValueError(f"vectors is {self.vectors.shape}, but there are {n} candidates.")
        if not np.isfinite(self.scores).all():
            raise ValueError("Scores must be finite: NaN has no place in an order. Look for it in the features.")

    def __len__(self) -> int:
        return len(self.item_ids)

    def of_rows(self, rows: np.ndarray) -> ScoredCandidates:
        vectors = None if self.vectors is None else self.vectors[rows]
        return ScoredCandidates(self.item_ids[rows], self.scores[rows], self.cap_keys[rows], vectors)


@dataclass(frozen=True)
class Pin:
    """An item that stands at a position of the visit's scroll, from 0, whatever its score."""

    position: int
    item_id: int
    cap_keys: CapKeys = (NONE, NONE)


@dataclass(frozen=True)
class SlateRules:
    """What holds for this reader and this page, beside the scores.

    pins: one that is hidden or was shown before is passed over, and so is one whose position is above the page; any
    other item stands at its position or nowhere.
    hidden: item ids that may not stand on the page, by whatever way. Filters take most of them out of the candidates,
    but an item from outside passes no other filter than this: what the reader consumed or rejected belongs here.
    shown: item ids of the visit's earlier pages, which are not repeated.  shown_cap_keys: theirs, in any order;
    needed for `Caps.whole_visit` only.

    Raises ValueError for two pins of one position or of one item.
    """

    pins: tuple[Pin, ...] = ()
    hidden: Set[int] = frozenset()
    shown: Set[int] = frozenset()
    shown_cap_keys: tuple[CapKeys, ...] = ()

    def __post_init__(self) -> None:
        for name in ("position", "item_id"):
            values = [getattr(pin, name) for pin in self.pins]
            if len(set(values)) != len(values):
                raise ValueError(f"Two pins have the same {name}: {sorted(values)}.")

    def forbid(self, item_id: int) -> bool:
        return item_id in self.hidden or item_id in self.shown

    def pins_from(self, first_position: int) -> dict[int, Pin]:
        """Those that hold, by position."""
        return {
            pin.position: pin for pin in self.pins if pin.position >= first_position and not self.forbid(pin.item_id)
        }


NO_RULES = SlateRules()


@dataclass(frozen=True)
class SlateConfig:
    """size: of a page.  diversity: caps or MMR; `NO_CAPS` for neither."""

    size: int = 24
    diversity: Caps | Mmr = USUAL_CAPS
    exploration: ExplorationConfig = USUAL_EXPLORATION

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size is {self.size}; a page has 1 slot or more.")

    @property
    def caps(self) -> Caps:
        """With MMR there are none."""
        return self.diversity if isinstance(self.diversity, Caps) else NO_CAPS
