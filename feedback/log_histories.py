"""The log of interactions by reader, in pieces that fit in memory: whole readers, everything they did."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa
from psycopg import sql

from feedback.adbc import dbapi
from feedback.log_connection import fetch, one_moment
from feedback.states import HISTORIES

READERS_INTERACTIONS = 100_000

_COUNT = sql.SQL("SELECT reader_id, count(*) FROM feedback_interaction GROUP BY reader_id ORDER BY reader_id")

# Known in a slate's time: what the site knew when it served the slate. A slate beyond its retention has only its id.
_HISTORIES = sql.SQL("""
    SELECT i.id, i.reader_id, i.reader_bucket, i.kind, i.item_id, i.query, i.dwell_ms, i.happened_at, i.received_at,
        i.undo_received_at, i.imported_at IS NOT NULL AS imported, i.surface, uuid_send(i.visit_id) AS visit_id,
        uuid_send(i.slate_id) AS slate_id, s.known_until
    FROM feedback_interaction AS i LEFT JOIN feedback_slate AS s ON s.id = i.slate_id
    WHERE {readers} AND i.excluded IS NULL
""")


def plan_readers(
    session: dbapi.Connection, *, max_interactions: int = READERS_INTERACTIONS
) -> Iterator[tuple[int, int]]:
    """Ranges of reader ids, both ends included, each with about `max_interactions` at most: a reader is never divided.

    Takes 16 bytes of memory a reader.
    """
    with one_moment(session) as cursor:
        readers, counts = (column.to_numpy() for column in fetch(cursor, sql.Composed([_COUNT])).columns)
    if not len(readers):
        return
    part = (np.cumsum(counts) - counts) // max_interactions
    starts = np.flatnonzero(np.diff(part, prepend=-1))
    for first, last in zip(starts, [*(starts[1:] - 1), len(readers) - 1], strict=True):
        yield int(readers[first]), int(readers[last])


def read_histories(session: dbapi.Connection, first: int, last: int) -> pa.Table:
    """`feedback.states.HISTORIES` of readers from `first` to `last`."""
    with one_moment(session) as cursor:
        return _histories(cursor, sql.SQL("i.reader_id BETWEEN {} AND {}").format(first, last))


def histories_of(cursor: dbapi.Cursor, reader_ids: Collection[int]) -> pa.Table:
    """`feedback.states.HISTORIES` of these readers, of the moment of the cursor."""
    return _histories(cursor, sql.SQL("i.reader_id = ANY({}::bigint[])").format(list(reader_ids)))


def _histories(cursor: dbapi.Cursor, readers: sql.Composed) -> pa.Table:
    return fetch(cursor, _HISTORIES.format(readers=readers)).cast(HISTORIES)
