"""The log of visits in pieces that fit in memory: a fragment is a day and a range of reader buckets.

A visit belongs to the day in which it began, which its id tells, and never crosses reader buckets. So a fragment holds
whole visits, and everything after reading is a function of one fragment, on this machine or another.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from psycopg import sql

from feedback.adbc import dbapi
from feedback.buckets import BUCKETS
from feedback.log_connection import fetch, one_moment
from feedback.uuid7 import first_uuid7, time_of_uuid7
from feedback.visit_log import INTERACTIONS, SLATES, VIEWS, VisitLog
from feedback.visits import LONGEST_VISIT

FRAGMENT_IMPRESSIONS = 100_000

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Fragment:
    """Visits that began in [start, end), within one day of UTC, of readers in buckets `first` to `last`."""

    start: datetime
    end: datetime
    first: int = 0
    last: int = BUCKETS - 1


def plan_fragments(
    session: dbapi.Connection, *, since: datetime, until: datetime, max_impressions: int = FRAGMENT_IMPRESSIONS
) -> Iterator[Fragment]:
    """Every visit that began in [since, until) is in exactly one; days without any are left out.

    A fragment has about `max_impressions` at most: a bucket of a day is never divided.
    """
    for start, end in _days(*_served_within(session, since, until)):
        with one_moment(session) as cursor:
            buckets, impressions = fetch(cursor, _query(_COUNT, Fragment(start, end))).columns
        counted = dict(zip(buckets.to_pylist(), impressions.to_pylist(), strict=True))  # at most 256
        for first, last in _bucket_ranges(counted, max_impressions):
            yield Fragment(start, end, first, last)


def read_fragment(session: dbapi.Connection, fragment: Fragment) -> VisitLog:
    """All that the log has on the fragment's visits, of one moment. Excluded slates are left out."""
    with one_moment(session) as cursor:
        return VisitLog(
            slates=fetch(cursor, _query(_SLATES, fragment)).cast(SLATES),
            views=fetch(cursor, _query(_VIEWS, fragment)).cast(VIEWS),
            interactions=fetch(cursor, _query(_INTERACTIONS, fragment)).cast(INTERACTIONS),
        )


def _served_within(session: dbapi.Connection, since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """[since, until) without the years before the first slate and after the last."""
    with one_moment(session) as cursor:
        ends = [fetch(cursor, sql.Composed([query])).column(0).to_pylist() for query in (_OLDEST, _NEWEST)]
    if not all(ends):
        return since, since
    oldest, newest = (time_of_uuid7(uuid.UUID(bytes=id)) for (id,) in ends)
    return max(since, oldest - LONGEST_VISIT), min(until, newest + timedelta(milliseconds=1))


def _days(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    start = since.astimezone(UTC)
    while start < until:
        midnight = datetime.combine(start.date(), time(), UTC) + _DAY
        yield start, min(midnight, until.astimezone(UTC))
        start = midnight


def _bucket_ranges(impressions: dict[int, int], about: int) -> Iterator[tuple[int, int]]:
    """Neighbouring buckets together, in parts as even as buckets allow, each of `about` so many or fewer."""
    total = sum(impressions.values())
    parts = max(1, math.ceil(total / about))
    together: dict[int, list[int]] = {}
    before = 0
    for bucket in sorted(impressions):
        together.setdefault(before * parts // total, []).append(bucket)
        before += impressions[bucket]
    for buckets in together.values():
        yield buckets[0], buckets[-1]


# --- the queries; ranges of slate ids let PostgreSQL leave out the partitions of other months ---

_OLDEST = sql.SQL("SELECT uuid_send(id) FROM feedback_slate ORDER BY id LIMIT 1")
_NEWEST = sql.SQL("SELECT uuid_send(id) FROM feedback_slate ORDER BY id DESC LIMIT 1")

_COUNT = sql.SQL("""
    SELECT s.reader_bucket, sum(cardinality(s.items))::bigint FROM feedback_slate AS s WHERE {teaching} GROUP BY 1
""")

_SLATES = sql.SQL("""
    SELECT uuid_send(s.id) AS slate_id, uuid_send(s.visit_id) AS visit_id,
        uuid_send(s.reader_public_id) AS reader_public_id, s.reader_bucket, s.served_at, s.known_until, s.counts_as_of,
        s.surface, s.first_position, s.columns, s.release, s.policy, s.items, s.scores, s.propensities, s.branches,
        d.feature_set, d.features
    FROM feedback_slate AS s LEFT JOIN feedback_slatedetail AS d ON d.slate_id = s.id AND {detail_ids}
    WHERE {teaching}
""")

_VIEWS = sql.SQL("""
    SELECT uuid_send(v.slate_id) AS slate_id, v.position, v.viewed_at, v.received_at
    FROM feedback_view AS v JOIN feedback_slate AS s ON s.id = v.slate_id
    WHERE {view_ids} AND {teaching}
""")

_INTERACTIONS = sql.SQL("""
    SELECT uuid_send(i.visit_id) AS visit_id, i.item_id, i.kind, i.happened_at, i.received_at, i.undo_received_at,
        i.dwell_ms, i.excluded IS NOT NULL AS excluded
    FROM feedback_interaction AS i
    WHERE {visits} AND i.visit_id IN (SELECT s.visit_id FROM feedback_slate AS s WHERE {teaching})
""")

_TEACHING = sql.SQL("{ids} AND {visits} AND s.reader_bucket BETWEEN {first} AND {last} AND s.excluded IS NULL")


def _query(query: sql.SQL, fragment: Fragment) -> sql.Composed:
    end = fragment.end + LONGEST_VISIT
    teaching = _TEACHING.format(
        ids=_between("s.id", fragment.start, end),
        visits=_between("s.visit_id", fragment.start, fragment.end),
        first=fragment.first,
        last=fragment.last,
    )
    return query.format(
        teaching=teaching,
        detail_ids=_between("d.slate_id", fragment.start, end),
        view_ids=_between("v.slate_id", fragment.start, end),
        visits=_between("i.visit_id", fragment.start, fragment.end),
    )


def _between(column: str, start: datetime, end: datetime) -> sql.Composed:
    """Ids made in [start, end)."""
    return sql.SQL("{column} >= {low} AND {column} < {high}").format(
        column=sql.Identifier(*column.split(".")), low=first_uuid7(start), high=first_uuid7(end)
    )
