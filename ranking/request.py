"""What one ranking is asked: candidates with what their sources said, whose reader, and where the slate will stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

NONE = -1
"""In a column of whole numbers: the item has no author, or its language is not known."""

WINDOWS = ("hour", "day", "week")
"""Of the counts, in the order of their first axis."""


class RequestError(ValueError):
    """Columns that do not fit each other."""


@dataclass(frozen=True, eq=False)
class SourceColumns:
    """What one source said of n candidates.

    scores: (n,) float32, NaN where it did not name the item or has no score.  ranks: (n,) float32 from 0, NaN where it
    did not name the item.
    """

    scores: np.ndarray
    ranks: np.ndarray


@dataclass(frozen=True, eq=False)
class CandidateColumns:
    """The union of the sources, after filters, in any order.

    item_ids: (n,) int64, unique.  sources: what each source said, by its name; one that was not asked is left out.
    times_viewed: (n,) float32, how often the reader saw the item before without choosing it.
    covisited: (n,) float32, how much the reader's last choices and the item are chosen together; 0 for not at all.

    Raises `RequestError` when the columns are not parallel or an item stands twice.
    """

    item_ids: np.ndarray
    sources: Mapping[str, SourceColumns]
    times_viewed: np.ndarray
    covisited: np.ndarray

    def __post_init__(self) -> None:
        expected = self.item_ids.shape
        columns = {"times_viewed": self.times_viewed, "covisited": self.covisited}
        for name, says in self.sources.items():
            columns |= {f"scores of {name}": says.scores, f"ranks of {name}": says.ranks}
        for name, column in columns.items():
            if column.shape != expected:
                raise RequestError(f"{name} is {column.shape}, but there are {expected} candidates.")
        in_order = np.sort(self.item_ids)
        if (in_order[1:] == in_order[:-1]).any():
            raise RequestError("An item stands among the candidates once.")

    def __len__(self) -> int:
        return len(self.item_ids)


@dataclass(frozen=True, eq=False)
class ReaderState:
    """What was known of the reader when the slate was served.

    history: (m,) int64 item ids of what they chose, oldest first; items that are gone may be among them.
    ages_s: (m,) float32 seconds before serving, not negative.  gains: (m,) float32, what each choice says: above 0
    for a liking, below 0 for a dismissal.
    topics, authors: int32, what they follow.  languages: int16, what they read; empty where that is not known.
    tenure_s: seconds since they were first seen.
    """

    history: np.ndarray
    ages_s: np.ndarray
    gains: np.ndarray
    topics: np.ndarray
    authors: np.ndarray
    languages: np.ndarray
    tenure_s: float

    def __post_init__(self) -> None:
        if not self.history.shape == self.ages_s.shape == self.gains.shape:
            raise RequestError(
                f"history {self.history.shape}, ages {self.ages_s.shape} and gains {self.gains.shape} must be parallel."
            )
        if (self.ages_s < 0).any():
            raise RequestError("An age below 0: the history holds what came after serving, and would tell the answer.")


@dataclass(frozen=True)
class Context:
    """at_s: seconds since 1970 UTC.  hour: 0 to 24 and weekday: 0 (Monday) to 6, where the reader is.  surface: home,
    similar, topic or search.  columns: of the grid of cards; 0 where that is not known."""

    at_s: float
    hour: float
    weekday: int
    surface: str
    columns: int


@dataclass(frozen=True, eq=False)
class ItemTable:
    """Facts of every item, one row each, as of one snapshot of counts. Shared by all requests of a release.

    item_ids: (num_items,) int64, rising.
    topic_offsets: (num_items + 1,) int64 into topics, int32: those of item i lie from offset i to i + 1.
    authors: (num_items,) int32, languages: (num_items,) int16; `NONE` for none.
    published_s: (num_items,) float64 seconds since 1970 UTC, NaN where that is not known.
    views, clicks, dismissals: (windows, num_items) float32, of `WINDOWS`, when the snapshot was taken.
    popularity: (num_items,) float32, share of items that are chosen less often: from 0 to 1.
    vectors: (num_items, dim) float32 of norm 1, in which near means alike; dim 0 where there are none.

    Raises `RequestError` when the columns are not parallel or item_ids do not rise.
    """

    item_ids: np.ndarray
    topic_offsets: np.ndarray
    topics: np.ndarray
    authors: np.ndarray
    languages: np.ndarray
    published_s: np.ndarray
    views: np.ndarray
    clicks: np.ndarray
    dismissals: np.ndarray
    popularity: np.ndarray
    vectors: np.ndarray

    def __post_init__(self) -> None:
        num_items = len(self.item_ids)
        shapes = {
            "topic_offsets": (num_items + 1,),
            **dict.fromkeys(("authors", "languages", "published_s", "popularity"), (num_items,)),
            **dict.fromkeys(("views", "clicks", "dismissals"), (len(WINDOWS), num_items)),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise RequestError(f"{name} is {getattr(self, name).shape}, but must be {shape}.")
        if self.vectors.ndim != 2 or len(self.vectors) != num_items:
            raise RequestError(f"vectors is {self.vectors.shape}, but there are {num_items} items.")
        if self.topic_offsets[-1] != len(self.topics):
            raise RequestError(
                f"topic_offsets end at {self.topic_offsets[-1]}, but there are {len(self.topics)} topics."
            )
        if (np.diff(self.item_ids) <= 0).any():
            raise RequestError("item_ids must rise: each item has one row, found by bisection.")

    def __len__(self) -> int:
        return len(self.item_ids)

    def rows_of(self, item_ids: np.ndarray) -> np.ndarray:
        """(n,) int64 rows of items, `NONE` for one that is not here."""
        if not len(self):
            return np.full(len(item_ids), NONE, np.int64)
        rows = np.minimum(np.searchsorted(self.item_ids, item_ids), len(self) - 1)
        return np.where(self.item_ids[rows] == item_ids, rows, NONE)


@dataclass(frozen=True, eq=False)
class RankingRequest:
    """One reader's candidates at one moment."""

    candidates: CandidateColumns
    reader: ReaderState
    context: Context
