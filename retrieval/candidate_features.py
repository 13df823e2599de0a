"""Items at a moment as arrays that the candidate tower reads. Training and serving come through the same function."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrieval.content import ItemContent, item_rows

COUNTS = 3
"""Columns of counts: of the last refresh interval, of the last seven, of all time."""


@dataclass(frozen=True, eq=False)
class CandidateFeatures:
    """n items at one moment; what the candidate tower reads, by name. int32 but for counts, (n, COUNTS) float32."""

    rows: np.ndarray
    words: np.ndarray
    topics: np.ndarray
    authors: np.ndarray
    languages: np.ndarray
    ages: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def arrays(self) -> dict[str, np.ndarray]:
        """In the order in which the candidate tower takes them."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def take(self, item_idx: np.ndarray) -> CandidateFeatures:
        return CandidateFeatures(*(array[item_idx] for array in self.arrays().values()))


def candidate_features(
    content: ItemContent,
    counts: np.ndarray,
    at_s: float,
    item_idx: np.ndarray | None = None,
    *,
    id_rows: np.ndarray | None = None,
) -> CandidateFeatures:
    """Of some items of `content` (all by default; one may come twice) at one moment.

    counts: (len(content), COUNTS) of `Snapshots`.  id_rows: (len(content),) rows of the id table, where that is not the
    one that was trained on this very content.
    """
    items = np.arange(len(content)) if item_idx is None else item_idx
    rows = item_rows(items) if id_rows is None else id_rows[items]
    return CandidateFeatures(
        rows=rows,
        words=content.words[items],
        topics=content.topics[items],
        authors=content.authors[items],
        languages=content.languages[items],
        ages=content.age_buckets(at_s, items),
        counts=counts[items].astype(np.float32),
    )
