"""Readers to ask with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from retrieval.interactions import Interactions
from retrieval.query_state import QueryState

DAY_S = 86_400.0
AT = datetime(2026, 3, 1, tzinfo=UTC)
AT_S = AT.timestamp()
NOTHING = np.empty(0, np.int64)


def reader_of(history: Sequence[int], kinds: Sequence[str] | None = None, **known: Any) -> QueryState:
    """Somebody who chose these items, the last one last, an hour apart; by clicks unless `kinds` says otherwise."""
    return QueryState(
        at=known.pop("at", AT),
        history=np.array(history, np.int64),
        history_kinds=tuple(kinds or ["click"] * len(history)),
        history_ages_s=np.arange(len(history), 0, -1, dtype=np.float32) * 3600,
        **known,
    )


def log_of(*rows: tuple[int, int, float] | tuple[int, int, float, float]) -> Interactions:
    """Rows of (reader, item, day, and a weight where it is not 1), in order of time; day 0 is 60 days before AT."""
    readers, items, days = zip(*(row[:3] for row in rows), strict=True)
    weights = [row[3] if len(row) == 4 else 1.0 for row in rows]
    times_s = AT_S - 60 * DAY_S + np.array(days) * DAY_S
    return Interactions.in_order(np.array(readers), np.array(items), times_s, np.array(weights))
