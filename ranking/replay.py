"""The propensities of a page computed again from what was logged of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ranking.caps import NO_CAPS, CapCounts, CapKeys, Caps
from ranking.propensity import Branch, PoolWeights, slot_chances
from ranking.request import NONE
from ranking.slate import DrawnPool, SlateSlot


def replay_propensities(
    slots: Sequence[SlateSlot],
    pool: DrawnPool | None,
    parameters: Mapping[str, Any],
    *,
    shown_cap_keys: Iterable[CapKeys] = (),
) -> list[float | None]:
    """One a slot, given the slots above, by the code that drew them; None for a pinned one.

    Only item_id, greedy_item_id and branch are read of the slots. parameters: as logged, JSON and back.
    shown_cap_keys: of the visit's earlier pages, where caps are for the whole visit.
    Raises ValueError for a log that does not hold together.
    """
    if pool is None:
        return [None if slot.branch == Branch.PINNED else 1.0 for slot in slots]
    logged = _Logged(pool, parameters, shown_cap_keys)
    return [logged.propensity(index, slot) for index, slot in enumerate(slots)]


class _Logged:
    """A page filling up as the log says it did. Items go by their places in the logged pool."""

    def __init__(self, pool: DrawnPool, parameters: Mapping[str, Any], shown_cap_keys: Iterable[CapKeys]) -> None:
        self._parameters = parameters
        self._places = {item_id: place for place, item_id in enumerate(pool.item_ids)}
        self._keys = [_cap_keys(keys) for keys in pool.cap_keys]
        # The log has float32, which it may hand out as the shortest decimal that stands for it.
        scores = [float(np.float32(score)) for score in pool.scores if score is not None]
        self._weights = PoolWeights(scores, parameters["temperature"])
        self._left = list(range(len(scores)))
        self._counts = CapCounts(Caps(**parameters["caps"]) if "caps" in parameters else NO_CAPS, shown_cap_keys)
        self._outside_size = pool.outside_size
        self._outside_open: dict[int, int] = dict(parameters["outside_open"])

    def propensity(self, index: int, slot: SlateSlot) -> float | None:
        place = self._place(slot.item_id)
        propensity = None if slot.branch == Branch.PINNED else self._chance(index, slot, place)
        self._counts.add(self._keys[place])
        if place in self._left:
            self._left.remove(place)
        return propensity

    def _chance(self, index: int, slot: SlateSlot, place: int) -> float:
        greedy = self._place(slot.greedy_item_id)
        if not self._counts.allow(self._keys[greedy]):
            self._counts.lift()  # the best that may stand here breaks a cap only when all that is left does
        pool = [place for place in self._left if self._counts.allow(self._keys[place])]
        chances = slot_chances(
            greedy,
            pool,
            self._weights.of(pool) if pool else (),
            epsilon=self._parameters["epsilon"],
            outside_share=self._parameters["outside_share"],
            has_outside=self._outside_size > 0 and self._outside_open.get(index) != 0,
        )
        if slot.branch != Branch.OUTSIDE:
            return chances.of_candidate(place)
        if not self._outside_open.get(index):
            raise ValueError(f"Slot {index} came from outside, but outside_open does not say among how many items.")
        return chances.of_one_outside(self._outside_open[index])

    def _place(self, item_id: int) -> int:
        if item_id not in self._places:
            raise ValueError(f"Item {item_id} was shown or greedy, but the logged pool does not hold its cap keys.")
        return self._places[item_id]


def _cap_keys(logged: Sequence[int | None]) -> CapKeys:
    topic, author = (NONE if key is None else key for key in logged)
    return topic, author
