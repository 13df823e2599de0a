"""Count snapshots as Arrow tables, for training and measurements."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
from psycopg import sql

from feedback.log_connection import fetch, log_connection, one_moment

COUNTS = pa.schema(
    {
        "item_id": pa.int64(),
        "views": pa.int32(),
        "clicks": pa.int32(),
        "likes": pa.int32(),
        "dismissals": pa.int32(),
    }
)
"""By item id; items without any count are left out."""

_READ = sql.SQL("""
    SELECT "window", item_ids, views, clicks, likes, dismissals FROM feedback_countsnapshot WHERE as_of = {as_of}
""")


def read_snapshot(as_of: datetime) -> dict[str, pa.Table]:
    """`COUNTS` for each window of the snapshot. Raises ValueError if there is no such snapshot."""
    with log_connection() as session, one_moment(session) as cursor:
        found = fetch(cursor, _READ.format(as_of=as_of))
    if not len(found):
        raise ValueError(f"There is no count snapshot as of {as_of}. Old ones are dropped; see feedback.counts.")
    windows, *arrays = found.columns
    return {
        window: pa.table(
            [column[row].values.cast(field.type) for column, field in zip(arrays, COUNTS, strict=True)], COUNTS
        )
        for row, window in enumerate(windows.to_pylist())
    }
