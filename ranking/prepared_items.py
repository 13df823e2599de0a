"""What ranking needs of every item, computed once a table instead of once a request."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranking.request import NONE, WINDOWS, ItemTable

PRIOR_VIEWS = 20.0
"""A rate begins as if an item had been viewed so often before, and chosen as often as items are on the whole."""

ITEM_COLUMNS = (
    *(f"click_rate_{window}" for window in WINDOWS),
    "dismiss_rate_week",
    *(f"log_views_{window}" for window in WINDOWS),
    "popularity",
)


@dataclass(frozen=True, eq=False)
class PreparedItems:
    """An `ItemTable` made ready for many requests. Each array has one more row, for items that the table does not
    know: `NONE`, the row number of those, is also its index.

    columns: (num_items + 1, `ITEM_COLUMNS`) float32.  published_s: (num_items + 1,) float64.
    authors: (num_items + 1,) int32.  languages: (num_items + 1,) int16, below num_languages.
    topic_ids: (num_topics,) those that items have, rising.  topics: as in the table, but as places in topic_ids.
    topic_starts, topic_counts: (num_items + 1,) int64, where the topics of an item lie in `topics`.
    """

    table: ItemTable
    columns: np.ndarray
    published_s: np.ndarray
    authors: np.ndarray
    languages: np.ndarray
    num_languages: int
    topic_ids: np.ndarray
    topics: np.ndarray
    topic_starts: np.ndarray
    topic_counts: np.ndarray

    @classmethod
    def of(cls, table: ItemTable) -> PreparedItems:
        rates = [smoothed(clicks, views) for clicks, views in zip(table.clicks, table.views, strict=True)]
        week = WINDOWS.index("week")
        dismissed = smoothed(table.dismissals[week], table.views[week])
        columns = np.full((len(table) + 1, len(ITEM_COLUMNS)), np.nan, np.float32)
        columns[:-1] = np.stack([*rates, dismissed, *np.log1p(table.views), table.popularity], axis=1)
        topic_ids, topics = np.unique(table.topics, return_inverse=True)
        return cls(
            table=table,
            columns=columns,
            published_s=np.append(table.published_s, np.nan),
            authors=np.append(table.authors, np.int32(NONE)),
            languages=np.append(table.languages, np.int16(NONE)),
            num_languages=int(table.languages.max(initial=NONE)) + 1,
            topic_ids=topic_ids,
            topics=topics.astype(np.int32),
            topic_starts=table.topic_offsets,
            topic_counts=np.append(np.diff(table.topic_offsets), 0),
        )

    def topics_of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The topics of items one after the other, as places in `topic_ids`, and (n,) how many each has."""
        counts = self.topic_counts[rows]
        ends = counts.cumsum()
        total = int(ends[-1]) if len(ends) else 0
        places = np.repeat(self.topic_starts[rows] - ends + counts, counts) + np.arange(total)
        return self.topics[places], counts

    def known_topics(self, topic_ids: np.ndarray) -> np.ndarray:
        """Places in `topic_ids`, of those that are there."""
        places = self.topic_ids.searchsorted(topic_ids)
        inside = places < len(self.topic_ids)
        places = places[inside]
        return places[self.topic_ids[places] == topic_ids[inside]]

    def vectors_of(self, rows: np.ndarray) -> np.ndarray:
        """(n, dim) float32, NaN for an item that is not in the table; dim 0 where items have no vectors."""
        vectors = self.table.vectors
        if not len(vectors):
            return np.full((len(rows), vectors.shape[1]), np.nan, np.float32)
        found = vectors[rows]
        absent = rows == NONE
        if absent.any():
            found[absent] = np.nan
        return found


def smoothed(counts: np.ndarray, views: np.ndarray) -> np.ndarray:
    """(num_items,) rates, drawn to the rate of all items together as if by `PRIOR_VIEWS` more views; NaN when nothing
    was viewed at all."""
    all_views = float(views.sum(dtype=np.float64))
    if not all_views:
        return np.full(len(views), np.nan, np.float32)
    overall = float(counts.sum(dtype=np.float64)) / all_views
    return (counts + PRIOR_VIEWS * overall) / (views + PRIOR_VIEWS)
