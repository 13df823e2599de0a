"""Caps: a page holds only so many items of one topic and of one author."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ranking.request import NONE, ItemTable

CapKeys = tuple[int, int]
"""An item's topic and its author; `NONE` for none, of which a page holds any number."""


@dataclass(frozen=True)
class Caps:
    """per_topic, per_author: at most so many a page; None for no bound.

    whole_visit: the pages of a visit that came before count as well. As it is, each page begins anew: what a reader
    has scrolled past no longer stands beside what is seen, and a long visit would run out of a favourite topic.
    When no candidate is left within the caps, they are lifted for the rest of the page: a repetitive page is better
    than half a page.
    """

    per_topic: int | None = 4
    per_author: int | None = 2
    whole_visit: bool = False

    def __post_init__(self) -> None:
        for name, most in (("per_topic", self.per_topic), ("per_author", self.per_author)):
            if most is not None and most < 1:
                raise ValueError(f"{name} is {most}; give 1 or more, or None for no bound. To show none, hide them.")


NO_CAPS = Caps(None, None)
USUAL_CAPS = Caps()


class CapCounts:
    """How many of each topic and author stand on a page so far, and so which items may still follow.

    What is closed stays closed while the page fills, until `lift`.
    """

    def __init__(self, caps: Caps, earlier: Iterable[CapKeys] = ()) -> None:
        self._most = (caps.per_topic, caps.per_author)
        self._counts: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.full: tuple[set[int], set[int]] = (set(), set())
        for keys in earlier if caps.whole_visit else ():
            self.add(keys)

    def add(self, keys: CapKeys) -> bool:
        """Count an item that is shown, whatever the caps say of it; True when that filled a topic or an author."""
        topic, author = keys
        fills_topic = self._add(0, topic)
        return self._add(1, author) or fills_topic

    def allow(self, keys: CapKeys) -> bool:
        topic, author = keys
        return topic not in self.full[0] and author not in self.full[1]

    def allowed(self, cap_keys: np.ndarray) -> np.ndarray:
        """(n,) bool for cap_keys, (n, 2) int64."""
        allowed = np.ones(len(cap_keys), bool)
        for column, full in enumerate(self.full):
            for key in full:
                allowed &= cap_keys[:, column] != key
        return allowed

    def lift(self) -> None:
        """From here on everything may stand on the page."""
        self._most = (None, None)
        self.full = (set(), set())

    def _add(self, column: int, key: int) -> bool:
        most = self._most[column]
        if most is None or key == NONE:
            return False
        count = self._counts[column].get(key, 0) + 1
        self._counts[column][key] = count
        if count >= most:
            self.full[column].add(key)
        return count >= most


def cap_keys_of(items: ItemTable, item_ids: np.ndarray) -> np.ndarray:
    """(n, 2) int64: of each item its first topic, in the table's order, and its author.

    Only one topic counts: with all of them an item of five topics would close five. An item that the table does not
    know has neither.
    """
    cap_keys = np.full((len(item_ids), 2), NONE, np.int64)
    rows = items.rows_of(item_ids)
    known = np.flatnonzero(rows != NONE)
    rows = rows[known]
    first, end = items.topic_offsets[rows], items.topic_offsets[rows + 1]
    has_topic = first < end
    cap_keys[known[has_topic], 0] = items.topics[first[has_topic]]
    cap_keys[known, 1] = items.authors[rows]
    return cap_keys
