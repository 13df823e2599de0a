"""A made-up log of impressions, written by the database itself: visits of three pages, what was viewed and chosen.

A visit has three home slates of 24 cards, two minutes apart. 60% of cards are viewed; of those 4% are clicked (three in
four read for longer than a bounce), 0.5% dismissed, 1% liked. Popular items are shown more often, so some stand in two
slates of a visit. Features, 60 a card, are kept for a share of slates: random float32, which do not compress.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection
from psycopg import sql

from feedback.partitions import ensure_partitions

CARDS = 24
SLATES_A_VISIT = 3
VISITS_A_READER = 10
NUM_FEATURES = 60
NUM_ITEMS = 20_000
FIRST_DAY = datetime(2026, 1, 29, tzinfo=UTC)
"""So that four days and more cross from one month's partitions to the next."""

TABLES = ("feedback_slate", "feedback_slatedetail", "feedback_view", "feedback_interaction")
_SLATES_AT_ONCE = 5_000


@dataclass(frozen=True)
class Log:
    """impressions: about so many, in whole visits.  days: over which visits begin, evenly."""

    impressions: int
    days: int
    feature_share: float
    seed: int

    @property
    def visits(self) -> int:
        return self.impressions // (CARDS * SLATES_A_VISIT)

    @property
    def shown(self) -> int:
        return self.visits * SLATES_A_VISIT * CARDS

    @property
    def until(self) -> datetime:
        """When every visit was over."""
        return FIRST_DAY + timedelta(days=self.days, hours=1)


def fill(log: Log) -> None:
    """Replace whatever was logged by `log`."""
    ensure_partitions(now=FIRST_DAY, months_ahead=3)
    values: dict[str, int | float | datetime] = {
        "visits": log.visits,
        "readers": max(1, log.visits // VISITS_A_READER),
        "first_day": FIRST_DAY,
        "span_s": log.days * 86_400,
        "slates": SLATES_A_VISIT,
        "cards": CARDS,
        "items": NUM_ITEMS,
        "seed": (log.seed % 1_000) / 1_000,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("TRUNCATE {}, catalog_item, catalog_reader CASCADE").format(
                sql.SQL(", ").join(map(sql.Identifier, TABLES))
            )
        )
        cursor.execute("SELECT setseed(%(seed)s)", values)
        for statement in (_ID, _ITEMS, _READERS, _SLATES, _VIEWS, _CLICKS, _DWELLS, _OPINIONS):
            cursor.execute(statement, values)
        _add_features(cursor, log)
        cursor.execute("ANALYZE")


def _add_features(cursor: Any, log: Log) -> None:
    rng = np.random.default_rng(log.seed)
    cursor.execute("SELECT id FROM feedback_slate ORDER BY id")
    ids = [id for (id,) in cursor.fetchall()]
    kept = [id for id, drawn in zip(ids, rng.random(len(ids)), strict=True) if drawn < log.feature_share]
    with cursor.copy("COPY feedback_slatedetail (slate_id, feature_set, features) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["uuid", "varchar", "bytea"])
        for slate_id in kept:
            copy.write_row((slate_id, "made-up", rng.random(CARDS * NUM_FEATURES, np.float32).astype("<f4").tobytes()))


_ID = """
    CREATE OR REPLACE FUNCTION pg_temp.id_at(moment timestamptz, name text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
        SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7' || substr(md5(name), 1, 3)
            || '8' || substr(md5(name), 4, 15))::uuid
    $$
"""

_ITEMS = """
    INSERT INTO catalog_item (id, source, external_id, slug, title, summary, body, language, image, link, attributes,
        published_at, hidden, created_at, updated_at)
    SELECT n, 'made-up', n::text, 'item-' || n, 'Item ' || n, '', '', 'en', '', '', '{}', %(first_day)s, false,
        %(first_day)s, %(first_day)s
    FROM generate_series(1, %(items)s) AS n
"""

_READERS = """
    INSERT INTO catalog_reader (id, public_id, languages, country, attributes, personalised, created_at)
    SELECT n, md5('reader' || n)::uuid, '{}', '', '{}', true, %(first_day)s FROM generate_series(1, %(readers)s) AS n
"""

# `page >= 0` ties the drawn items to the row: PostgreSQL would draw once for all otherwise.
_SLATES = """
    INSERT INTO feedback_slate (id, visit_id, reader_public_id, reader_bucket, served_at, known_until, counts_as_of,
        surface, first_position, columns, release, policy, policy_parameters, policy_version, excluded, items, sources,
        slot_sources, source_scores, source_ranks, scores, greedy_items, propensities, branches, removed, detail_share)
    SELECT pg_temp.id_at(served_at, visit || '-' || page), pg_temp.id_at(begun_at, 'visit' || visit),
        md5('reader' || reader)::uuid, reader %% 256, served_at, served_at, served_at - interval '1 hour',
        'home', page * %(cards)s, 3, 1, 'greedy', '{}', '1', NULL, items, '{popular,fresh}',
        array_fill(1, ARRAY[%(cards)s]), array_fill(0.5::real, ARRAY[%(cards)s]), array_fill(7, ARRAY[%(cards)s]),
        array_fill(0.25::real, ARRAY[%(cards)s]), items, array_fill(0.9::float8, ARRAY[%(cards)s]),
        array_fill(2::smallint, ARRAY[%(cards)s]), '{"dismissed": 1}', 1
    FROM (
        SELECT visit, 1 + visit %% %(readers)s AS reader,
            %(first_day)s::timestamptz + visit * %(span_s)s::float8 / %(visits)s * interval '1 second' AS begun_at
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
    WHERE random() < 0.6
"""

_CLICKS = """
    INSERT INTO feedback_interaction (reader_id, reader_bucket, kind, item_id, happened_at, received_at, surface,
        slate_id, position, visit_id)
    SELECT reader.id, reader_bucket, 'click', item_id, viewed_at + interval '3 seconds',
        viewed_at + interval '3 seconds', surface, slate_id, position, visit_id
    FROM feedback_view JOIN feedback_slate AS slate ON slate.id = slate_id
        JOIN catalog_reader AS reader ON reader.public_id = reader_public_id
    WHERE random() < 0.04
"""

_DWELLS = """
    INSERT INTO feedback_interaction (reader_id, reader_bucket, kind, item_id, dwell_ms, happened_at, received_at,
        surface, slate_id, position, visit_id)
    SELECT reader_id, reader_bucket, 'dwell', item_id, (40000 * random())::int, happened_at + interval '45 seconds',
        happened_at + interval '50 seconds', surface, slate_id, position, visit_id
    FROM feedback_interaction
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
    WHERE random() < share + 0 * position
    ON CONFLICT DO NOTHING
"""
