"""A made-up log of impressions, written by the database itself: visits of three pages, what was viewed and chosen.

Visits are those of `benchmarks.made_up_visits`; of clicks three in four are read for longer than a bounce. Features, 60
a card, are kept for a share of slates: random float32, which do not compress.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection
from psycopg import sql

from benchmarks.made_up_visits import CARDS, SLATES_A_VISIT, Visits, visits_of, write_visits
from feedback.partitions import ensure_partitions

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
        return visits_of(self.impressions)

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
    visits = Visits(
        count=log.visits,
        began=FIRST_DAY,
        span=timedelta(days=log.days),
        items=NUM_ITEMS,
        release=1,
        counts_age=timedelta(hours=1),
        seed=log.seed,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("TRUNCATE {}, catalog_item, catalog_reader CASCADE").format(
                sql.SQL(", ").join(map(sql.Identifier, TABLES))
            )
        )
        cursor.execute(_ITEMS, {"first_day": FIRST_DAY, "items": NUM_ITEMS})
        write_visits(cursor, visits)
        cursor.execute(_DWELLS)
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


_ITEMS = """
    INSERT INTO catalog_item (id, source, external_id, slug, title, summary, body, language, image, link, attributes,
        published_at, hidden, created_at, updated_at)
    SELECT n, 'made-up', n::text, 'item-' || n, 'Item ' || n, '', '', 'en', '', '', '{}', %(first_day)s, false,
        %(first_day)s, %(first_day)s
    FROM generate_series(1, %(items)s) AS n
"""

_DWELLS = """
    INSERT INTO feedback_interaction (reader_id, reader_bucket, kind, item_id, dwell_ms, happened_at, received_at,
        surface, slate_id, position, visit_id)
    SELECT reader_id, reader_bucket, 'dwell', item_id, (40000 * random())::int, happened_at + interval '45 seconds',
        happened_at + interval '50 seconds', surface, slate_id, position, visit_id
    FROM feedback_interaction WHERE kind = 'click'
"""
