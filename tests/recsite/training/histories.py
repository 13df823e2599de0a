"""Positives as tables, a row from what a test cares about; and the world of even and odd items as a history."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import pyarrow as pa

from recsite.training.examples import POSITIVES, History
from tests.factories import NOW
from tests.retrieval.worlds import catalogue, positives

_NOTHING: dict[str, Any] = {
    "reader_bucket": 0,
    "weight": 1.0,
    "surface": "direct",
    "searches": [],
    "topics": [],
    "authors": [],
    "languages": [],
    "country": "",
    "attributes": [],
    "imported": True,
    "unprompted": True,
}


def make_positive(reader: int, item: int, at: datetime = NOW, *, history: tuple[int, ...] = (), **fields: Any) -> Any:
    """A choice that came of no slate, an hour after each thing in the history."""
    ages_s = [3_600.0 * place for place in range(len(history), 0, -1)]
    return {
        **_NOTHING,
        "reader_id": reader,
        "item_id": item,
        "happened_at": at,
        "state_at": at,
        "first_seen_s": (at - timedelta(days=1)).timestamp(),
        "history": list(history),
        "history_kinds": ["click"] * len(history),
        "history_ages_s": ages_s,
        **fields,
    }


def make_positives(*rows: Any) -> pa.Table:
    """In the order in which a history has them."""
    in_order = sorted(rows, key=lambda row: (row["reader_id"], row["happened_at"]))
    return pa.Table.from_pylist(in_order, schema=POSITIVES)


def make_history(*rows: Any) -> History:
    return History(make_positives(*rows), catalogue())


@lru_cache(maxsize=1)
def small_history() -> History:
    """What `tests.recsite.funnel.world` learned from, as it would come out of the log."""
    rows = [{**_NOTHING, "first_seen_s": row["happened_at"].timestamp(), **row} for row in positives().to_pylist()]
    return History(pa.Table.from_pylist(rows, schema=POSITIVES), catalogue())
