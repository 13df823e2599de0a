"""What can truly be said of an item and a reader: from the history, the item's facts, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ranking.request import NONE, ItemTable, RankingRequest
from ranking.taste import HISTORY_LIMIT, LASTING


@dataclass(frozen=True, eq=False)
class PopularTopics:
    """From which popularity on an item is among the most chosen of a topic. Made once a snapshot.

    least: by topic.
    """

    least: Mapping[int, float]

    @classmethod
    def of(cls, table: ItemTable, *, share: float = 0.1) -> PopularTopics:
        """share: of a topic's items, rounded down, that count as popular in it; so a small topic has none."""
        popularity = np.repeat(table.popularity, np.diff(table.topic_offsets))  # one a pair of item and topic
        order = np.lexsort((-popularity, table.topics))
        topics, starts, sizes = np.unique(table.topics[order], return_index=True, return_counts=True)
        counts = np.floor(sizes * share).astype(np.int64)
        has_any = counts > 0
        least = popularity[order][starts[has_any] + counts[has_any] - 1]
        return cls(dict(zip(topics[has_any].tolist(), least.tolist(), strict=True)))

    def hold(self, topic: int, popularity: float) -> bool:
        """Nothing that is chosen less often than all others is popular, not even in an unpopular topic."""
        return popularity > 0 and popularity >= self.least.get(topic, np.inf)


@dataclass(frozen=True, eq=False)
class Liking:
    """What of the history speaks for the reader's liking: gain above 0, and not dismissed since.

    gains: by item id, the highest; the newest choice first.
    """

    request: RankingRequest
    table: ItemTable

    @cached_property
    def gains(self) -> dict[int, float]:
        reader = self.request.reader
        newest_first = slice(None, -HISTORY_LIMIT - 1, -1)
        liked: dict[int, float] = {}
        dismissed: set[int] = set()
        pairs = zip(reader.history[newest_first].tolist(), reader.gains[newest_first].tolist(), strict=True)
        for item_id, gain in pairs:
            if gain < 0:
                dismissed.add(item_id)
            elif gain > 0 and item_id not in dismissed:
                liked[item_id] = max(gain, liked.get(item_id, 0.0))
        return liked

    @cached_property
    def topics(self) -> Counter[int]:
        """How many liked items lie in each topic."""
        return Counter(topic for row in self._rows for topic in topics_of(self.table, row))

    @cached_property
    def authors(self) -> Counter[int]:
        """How many liked items are each author's."""
        return Counter(author for author in self.table.authors[self._rows].tolist() if author != NONE)

    def alike(self, rows: Sequence[int], least: float) -> list[list[int]]:
        """By item of those rows, which of the newest liked items have a cosine of at least `least` to it, the most
        alike first; not the item itself, and none without vectors."""
        item_ids, vectors = self._recent
        if not vectors.size:
            return [[] for _ in rows]
        cosines = self.table.vectors[rows] @ vectors.T  # (rows, liked)
        cosines[self.table.item_ids[rows][:, None] == item_ids] = -np.inf
        best_first = np.argsort(-cosines, axis=1, kind="stable")
        return [
            [item_ids[place] for place in places if its[place] >= least]
            for its, places in zip(cosines.tolist(), best_first.tolist(), strict=True)
        ]

    @cached_property
    def _rows(self) -> np.ndarray:
        rows = self.table.rows_of(np.fromiter(self.gains, np.int64, len(self.gains)))
        return rows[rows != NONE]

    @cached_property
    def _recent(self) -> tuple[list[int], np.ndarray]:
        rows = self._rows[:LASTING]
        return self.table.item_ids[rows].tolist(), self.table.vectors[rows]


def topics_of(table: ItemTable, row: int) -> list[int]:
    """In the table's order."""
    return table.topics[table.topic_offsets[row] : table.topic_offsets[row + 1]].tolist()
