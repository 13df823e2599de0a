"""Slates of the log with all that the site knew of their readers when it made them, to be asked again."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
from psycopg import sql

from feedback.adbc import dbapi
from feedback.kinds import Kind
from feedback.log_connection import fetch, one_moment
from feedback.log_histories import histories_of
from feedback.uuid7 import first_uuid7, time_of_uuid7

_TIME = pa.timestamp("us", tz="UTC")

SERVED = pa.schema(
    {
        "slate_id": pa.binary(),
        "reader_public_id": pa.binary(),
        "reader_id": pa.int64(),
        "merged_at": _TIME,
        "known_until": _TIME,
        "counts_as_of": _TIME,
        "surface": pa.string(),
        "first_position": pa.int16(),
        "columns": pa.int16(),
        "release": pa.int32(),
        "languages": pa.list_(pa.string()),
        "items": pa.list_(pa.int64()),
        "feature_set": pa.string(),
        "features": pa.binary(),
    }
)
"""By the time in which they were made. reader_id: null where nobody is known by that id any more, or was yet.
merged_at: when two readers became this one, the last time; null for never.  languages: of what could be shown; null
where the slate does not say."""

PAGES = pa.schema(
    {
        "slate_id": pa.binary(),
        "reader_public_id": pa.binary(),
        "first_position": pa.int16(),
        "items": pa.list_(pa.int64()),
        "surface": pa.string(),
    }
)
"""Slates of the same readers, by the time in which they were made."""

SEEN = pa.schema({"slate_id": pa.binary(), "item_id": pa.int64(), "received_at": _TIME})
STANDING = pa.schema(
    {
        "reader_id": pa.int64(),
        "kind": pa.string(),
        "item_id": pa.int64(),
        "topic_id": pa.int64(),
        "author_id": pa.int64(),
        "received_at": _TIME,
        "undo_received_at": _TIME,
    }
)
"""What readers did, also what teaches nothing: it is no longer proposed all the same."""

# A slate's own id tells its month, so that few partitions are looked at.
_SERVED = sql.SQL("""
    SELECT uuid_send(s.id) AS slate_id, uuid_send(s.reader_public_id) AS reader_public_id,
        coalesce(own.id, merged.reader_id) AS reader_id,
        (SELECT max(merged_at) FROM catalog_readermerge WHERE reader_id = coalesce(own.id, merged.reader_id))
            AS merged_at,
        s.known_until, s.counts_as_of, s.surface, s.first_position, s.columns, s.release,
        CASE WHEN s.policy_parameters -> 'languages' IS NOT NULL
            THEN ARRAY(SELECT jsonb_array_elements_text(s.policy_parameters -> 'languages')) END AS languages,
        s.items, d.feature_set, d.features
    FROM feedback_slate AS s
        LEFT JOIN feedback_slatedetail AS d ON d.slate_id = s.id AND d.slate_id BETWEEN {first} AND {last}
        LEFT JOIN catalog_reader AS own
            ON own.public_id = s.reader_public_id AND own.created_at <= s.known_until
        LEFT JOIN catalog_readermerge AS merged ON merged.old_public_id = s.reader_public_id
    WHERE s.id = ANY({slates}::uuid[]) AND s.id BETWEEN {first} AND {last}
    ORDER BY s.id
""")
_PAGES = sql.SQL("""
    SELECT uuid_send(id) AS slate_id, uuid_send(reader_public_id) AS reader_public_id, first_position, items, surface
    FROM feedback_slate WHERE reader_public_id = ANY({readers}::uuid[]) AND id >= {since} AND id <= {last} ORDER BY id
""")
_SEEN = sql.SQL("""
    SELECT uuid_send(v.slate_id) AS slate_id, v.item_id, v.received_at
    FROM feedback_slate AS s JOIN feedback_view AS v ON v.slate_id = s.id AND v.slate_id >= {since}
        AND v.slate_id <= {last}
    WHERE s.reader_public_id = ANY({readers}::uuid[]) AND s.id >= {since} AND s.id <= {last}
""")
_STANDING = sql.SQL("""
    SELECT reader_id, kind, item_id, topic_id, author_id, received_at, undo_received_at
    FROM feedback_interaction WHERE reader_id = ANY({readers}::bigint[]) AND kind = ANY({kinds}::text[])
""")


@dataclass(frozen=True, eq=False)
class SlateLog:
    """Some slates, with what is known about their readers, of one moment.

    served: `SERVED`, the slates.  pages: `PAGES` of the same reader ids, from some time before the first of the slates
    to the last.  seen: `SEEN`, of those pages.  standing: `STANDING`.  histories: `feedback.states.HISTORIES`,
    everything of their readers that may teach.
    """

    served: pa.Table
    pages: pa.Table
    seen: pa.Table
    standing: pa.Table
    histories: pa.Table


def read_slate_log(
    session: dbapi.Connection, slate_ids: Collection[uuid.UUID], *, kinds: Collection[Kind], back: timedelta
) -> SlateLog:
    """Of these slates (at least one), and of pages that are not more than `back` older. kinds: of what stood.

    All in memory: a few thousand slates at a time.
    """
    first, last = min(slate_ids), max(slate_ids)
    since = first_uuid7(time_of_uuid7(first) - back)
    with one_moment(session) as cursor:
        served = fetch(cursor, _SERVED.format(slates=list(slate_ids), first=first, last=last)).cast(SERVED)
        ids = served["reader_public_id"].unique().to_pylist()
        shown_to = {"readers": [uuid.UUID(bytes=each) for each in ids], "since": since, "last": last}
        reader_ids = served["reader_id"].drop_null().unique().to_pylist()
        return SlateLog(
            served=served,
            pages=fetch(cursor, _PAGES.format(**shown_to)).cast(PAGES),
            seen=fetch(cursor, _SEEN.format(**shown_to)).cast(SEEN),
            standing=fetch(cursor, _STANDING.format(readers=reader_ids, kinds=[str(kind) for kind in kinds])).cast(
                STANDING
            ),
            histories=histories_of(cursor, reader_ids),
        )
