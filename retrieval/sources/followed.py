"""The newest items of the topics and authors that a reader follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrieval.candidates import NO_CANDIDATES, Candidates
from retrieval.ids import UNKNOWN, IdMap
from retrieval.query_state import QueryState
from retrieval.sources.choosing import at_least_one
from retrieval.sources.item_table import ItemTable, first_out
from retrieval.sources.standing_order import StandingOrder


@dataclass(frozen=True)
class FollowedConfig:
    """newest: at most so many items of one topic or author are proposed."""

    newest: int = 100

    def __post_init__(self) -> None:
        if self.newest < 1:
            raise ValueError(f"newest must be 1 or more, but is {self.newest}.")


@dataclass(frozen=True, eq=False)
class Shelves:
    """Which items belong to a topic (or an author): those of keys[i] are rows[starts[i]:starts[i + 1]].

    rows: int64, places in an order of items from the newest on, rising within a shelf.
    """

    keys: IdMap
    starts: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, pairs: np.ndarray, newest_first: IdMap) -> Shelves:
        """pairs: (n, 2) int64, an item's id and a topic's. Pairs of an item that is not in the order are left out."""
        item_rows = newest_first.idx_of(pairs[:, 0])
        known = item_rows != UNKNOWN
        order = np.lexsort((item_rows[known], pairs[known, 1]))
        by_key, rows = pairs[known, 1][order], item_rows[known][order]
        differs = np.ones(len(rows), bool)
        differs[1:] = (np.diff(by_key) != 0) | (np.diff(rows) != 0)
        keys, starts = np.unique(by_key[differs], return_index=True)
        return cls(IdMap(keys), np.append(starts, differs.sum()), rows[differs])

    def shelf(self, key: int) -> np.ndarray:
        """Its rows, from the newest on; none for a key that is not known."""
        place = int(self.keys.idx_of(np.array(key)))
        return self.rows[:0] if place == UNKNOWN else self.rows[self.starts[place] : self.starts[place + 1]]


@dataclass(frozen=True, eq=False)
class Followed:
    """The newest item of everything that is followed, then the second newest of everything, and so on.

    So a topic with many new items does not drown the others. Within such a round the newest stands first; an item of
    several topics stands in the earliest of its rounds. The score is 1 / (1 + round). Nothing that is published
    after the moment of the request.

    published_s: (num_items,) float64, never rising, parallel to `order`.
    """

    order: StandingOrder
    published_s: np.ndarray
    topics: Shelves
    authors: Shelves
    config: FollowedConfig
    name: str = "followed"

    @classmethod
    def fit(
        cls, items: ItemTable, config: FollowedConfig, *, item_topics: np.ndarray, item_authors: np.ndarray
    ) -> Followed:
        """item_topics, item_authors: (n, 2) int64, pairs of an item's id and a topic's or author's, in any order."""
        newest = items.newest_first()
        item_ids = items.item_ids[newest]
        order = StandingOrder.of(item_ids, items.languages_of(item_ids))
        topics, authors = Shelves.of(item_topics, order.items), Shelves.of(item_authors, order.items)
        return cls(order, items.published_s[newest], topics, authors, config)

    def candidates(self, state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        """See `Source.candidates`. A reader who follows nothing gets none.

        A reader who gave languages gets items in one of them, or in none that is known.
        """
        at_least_one(k)
        shelves = [self.topics.shelf(topic) for topic in state.topics]
        shelves += [self.authors.shelf(author) for author in state.authors]
        if not shelves:
            return NO_CANDIDATES
        allowed = self.order.allowed(state.languages, exclude)
        out = first_out(self.published_s, state.at.timestamp())
        most = min(k, self.config.newest)
        newest = [allowed.first_of(shelf[np.searchsorted(shelf, out) :], most) for shelf in shelves]
        rows, rounds = _in_rounds(newest)
        return Candidates(self.order.items.item_ids[rows[:k]], (1 / (1 + rounds[:k])).astype(np.float32))


def _in_rounds(shelves: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of several shelves, each row once, by their place on a shelf, and that place."""
    rows = np.concatenate(shelves)
    rounds = np.concatenate([np.arange(len(shelf)) for shelf in shelves])
    order = np.lexsort((rows, rounds))
    _, first = np.unique(rows[order], return_index=True)
    kept = order[np.sort(first)]
    return rows[kept], rounds[kept]
