"""Ratings small enough to work out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.retrieval_ratings import ITEM_SCHEMA, Ratings
from retrieval.interactions import Interactions

ML_100K = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ml-100k"

needs_ml_100k = pytest.mark.skipif(
    not (ML_100K / "u.data").exists(), reason=f"MovieLens 100K is not at {ML_100K}; its twin on made-up ratings runs"
)


def catalogue(item_ids: Sequence[int]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "item_id": item,
                "title": "",
                "summary": "",
                "topics": [],
                "author": None,
                "language": "",
                "published_at": None,
            }
            for item in item_ids
        ],
        schema=ITEM_SCHEMA,
    )


def ratings_of(
    histories: dict[int, Sequence[int]], *, num_items: int, ratings: Sequence[float] | None = None
) -> Ratings:
    """reader -> item ids, the oldest first; a reader's n-th event is at n seconds after 1970. Items: 100, 101, ..."""
    events = sorted((place, reader, item) for reader, items in histories.items() for place, item in enumerate(items))
    times, readers, items = (np.array(column) for column in zip(*events, strict=True))
    return Ratings(
        "by hand",
        Interactions.in_order(readers, items, times),
        None if ratings is None else np.array(ratings, np.float32),
        None,
        catalogue(range(100, 100 + num_items)),
        {},
    )
