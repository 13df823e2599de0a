"""Made-up visits, written into the log by the database itself: what was shown, viewed and chosen.

A visit has three home slates of 24 cards, two minutes apart. 60% of cards are viewed; of those 4% are clicked, 0.5%
dismissed and 1% liked. Popular items are shown more often, so some stand in two slates of a visit. Their policy is
"greedy": what is not stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

CARDS, SLATES_A_VISIT, VISITS_A_READER = 24, 3, 10


@dataclass(frozen=True)
class Visits:
    """count: how many, begun evenly within `span` from `began` on.  items: they have the ids from 1 to so many.
    counts_age: how old a slate's counts were; None where it had none.  seed: of everything left to chance."""

    count: int
    began: datetime
    span: timedelta
    items: int
    release: int
    counts_age: timedelta | None
    seed: int


def visits_of(impressions: int) -> int:
    """About so many impressions are so many visits."""
    return impressions // (CARDS * SLATES_A_VISIT)


def write_visits(cursor: Any, visits: Visits) -> None:
    """With readers of their own. What the same session draws next goes on from their seed, and may call `pg_temp.id_at`
    for ids."""
    values = {
        "visits": visits.count,
        "readers": max(1, visits.count // VISITS_A_READER),
        "began": visits.began,
        "span_s": visits.span.total_seconds(),
        "slates": SLATES_A_VISIT,
        "cards": CARDS,
        "items": visits.items,
        "release": visits.release,
        "counts_age": visits.counts_age,
        "seed": (visits.seed % 1_000) / 1_000,
    }
    cursor.execute("SELECT setseed(%(seed)s)", values)
    for statement in (_ID, _READERS, _SLATES, _VIEWS, _CLICKS, _OPINIONS):
        cursor.execute(statement, values)


_ID = """
    CREATE OR REPLACE FUNCTION pg_temp.id_at(moment timestamptz, name text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
        SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7' || substr(md5(name), 1, 3)
            || '8' || substr(md5(name), 4, 15))::uuid
    $$
"""

_READERS = """
    INSERT INTO catalog_reader (public_id, languages, country, attributes, personalised, created_at)
    SELECT md5('made-up reader ' || n)::uuid, '{}', '', '{}', true, %(began)s FROM generate_series(1, %(readers)s) AS n
"""

# `page >= 0` ties the drawn items to the row: PostgreSQL would draw once for all otherwise.
_SLATES = """
    INSERT INTO feedback_slate (id, visit_id, reader_public_id, reader_bucket, served_at, known_until, counts_as_of,
        surface, first_position, columns, release, policy, policy_parameters, policy_version, excluded, items, sources,
        slot_sources, source_scores, source_ranks, scores, greedy_items, propensities, branches, removed, detail_share)
    SELECT pg_temp.id_at(served_at, visit || '-' || page), pg_temp.id_at(begun_at, 'visit' || visit),
        md5('made-up reader ' || reader)::uuid, reader %% 256, served_at, served_at,
        served_at - %(counts_age)s::interval,
        'home', page * %(cards)s, 3, %(release)s, 'greedy', '{}', '1', NULL, items, '{popular,fresh}',
        array_fill(1, ARRAY[%(cards)s]), array_fill(0.5::real, ARRAY[%(cards)s]), array_fill(7, ARRAY[%(cards)s]),
        array_fill(0.25::real, ARRAY[%(cards)s]), items, array_fill(0.9::float8, ARRAY[%(cards)s]),
        array_fill(2::smallint, ARRAY[%(cards)s]), '{"dismissed": 1}', 1
    FROM (
        SELECT visit, 1 + visit %% %(readers)s AS reader,
            %(began)s::timestamptz + visit * %(span_s)s::float8 / %(visits)s * interval '1 second' AS begun_at
        FROM generate_series(0, %(visits)s - 1) AS visit
    ) AS visits, generate_series(0, %(slates)s - 1) AS page, LATERAL (
        SELECT begun_at + page * interval '2 minutes' AS served_at,
            ARRAY(
                SELECT 1 + (%(items)s * power(random(), 2))::bigint %% %(items)s
                FROM generate_series(1, %(cards)s) WHERE page >= 0 AND visit >= 0
            ) AS items
    ) AS served
"""

_VIEWS = """
    INSERT INTO feedback_view (slate_id, position, item_id, viewed_at, received_at)
    SELECT id, first_position + slot - 1, item_id, served_at + slot * interval '2 seconds',
        served_at + slot * interval '2 seconds' + interval '5 seconds'
    FROM feedback_slate, unnest(items) WITH ORDINALITY AS slots (item_id, slot)
    WHERE random() < 0.6 AND policy = 'greedy'
"""

_CLICKS = """
    INSERT INTO feedback_interaction (reader_id, reader_bucket, kind, item_id, happened_at, received_at, surface,
        slate_id, position, visit_id)
    SELECT reader.id, reader_bucket, 'click', item_id, viewed_at + interval '3 seconds',
        viewed_at + interval '3 seconds', surface, slate_id, position, visit_id
    FROM feedback_view JOIN feedback_slate AS slate ON slate.id = slate_id
        JOIN catalog_reader AS reader ON reader.public_id = reader_public_id
    WHERE random() < 0.04 AND policy = 'greedy'
"""

# `0 * position` likewise: one draw a view, not one an opinion.
_OPINIONS = """
    INSERT INTO feedback_interaction (reader_id, reader_bucket, kind, item_id, happened_at, received_at, surface,
        slate_id, position, visit_id)
    SELECT reader.id, reader_bucket, kind, item_id, viewed_at + interval '9 seconds', viewed_at + interval '9 seconds',
        surface, slate_id, position, visit_id
    FROM feedback_view JOIN feedback_slate AS slate ON slate.id = slate_id
        JOIN catalog_reader AS reader ON reader.public_id = reader_public_id,
        (VALUES ('dismiss', 0.005), ('like', 0.01)) AS opinions (kind, share)
    WHERE random() < share + 0 * position AND policy = 'greedy'
    ON CONFLICT DO NOTHING
"""
