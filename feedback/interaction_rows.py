"""Writing interactions many at a time: one statement, and what stands already or came before is left out."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection

from feedback.array_text import array_text
from feedback.surfaces import Surface


class InteractionRow(NamedTuple):
    """A new `Interaction`, column by column: twenty of these are made in the time of one model instance."""

    reader_id: int
    reader_bucket: int
    kind: str
    happened_at: datetime
    received_at: datetime
    item_id: int | None = None
    topic_id: int | None = None
    author_id: int | None = None
    query: str | None = None
    dwell_ms: int | None = None
    event_id: uuid.UUID | None = None
    surface: str = Surface.DIRECT
    slate_id: uuid.UUID | None = None
    position: int | None = None
    visit_id: uuid.UUID | None = None
    excluded: str | None = None


_NAMES = InteractionRow._fields
_STATEMENT = """
    INSERT INTO feedback_interaction ({names})
    SELECT given.* FROM (VALUES {rows}) AS given ({names})
    WHERE {known_item} ON CONFLICT DO NOTHING RETURNING event_id
"""
_KNOWN_ITEM = "item_id IS NULL OR EXISTS (SELECT FROM catalog_item WHERE id = given.item_id)"


def insertion(rows: Sequence[InteractionRow]) -> tuple[str, list[Any]]:
    """The statement that inserts `rows` and returns the event ids of those that were new, and its values.

    Left out: an event of this reader that came before, a state that stands, an item that is not there. Of two that
    exclude each other one counts. Names only columns that some row fills: planning each takes time.
    """
    used = [place for place, column in enumerate(zip(*rows, strict=True)) if any(value is not None for value in column)]
    return _statement(tuple(used), len(rows)), [row[place] for row in rows for place in used]


@lru_cache(maxsize=256)
def _statement(used: tuple[int, ...], num_rows: int) -> str:
    names = [_NAMES[place] for place in used]
    row = f"({', '.join(['%s'] * len(names))})"
    return _STATEMENT.format(
        names=", ".join(f'"{name}"' for name in names),
        rows=", ".join([row] * num_rows),
        known_item=_KNOWN_ITEM if "item_id" in names else "true",
    )


_NEW = [name for name in _NAMES if name not in ("reader_id", "received_at")]
NUM_NEW_COLUMNS = len(_NEW)


def new_columns(rows: Sequence[InteractionRow]) -> list[str | list[str | None] | None]:
    """The columns of one reader's rows as `feedback_write_new_report` takes them; None for one that no row fills."""
    columns = dict(zip(_NAMES, zip(*rows, strict=True), strict=True)) if rows else {}
    return [_column(name, columns.get(name, ())) for name in _NEW]


def _column(name: str, values: Sequence[Any]) -> str | list[str | None] | None:
    if values.count(None) == len(values):
        return None
    return list(values) if name == "query" else array_text(values)


def insert_interactions(rows: Sequence[InteractionRow]) -> list[uuid.UUID | None]:
    """Insert `rows`, and the event ids of those that were new."""
    with connection.cursor() as cursor:
        cursor.execute(*insertion(rows))
        return [event_id for (event_id,) in cursor.fetchall()]
