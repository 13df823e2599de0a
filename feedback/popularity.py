"""What people liked lately."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

HALF_LIFE = timedelta(days=7)
WINDOW = timedelta(days=42)
"""Six half-lives: what is older weighs less than 2%."""

LIKED_WEIGHT = 3.0
"""A save or a like is rarer than a click and says more."""

_POPULAR = """
    SELECT item_id, sum(
        CASE kind WHEN 'click' THEN 1.0 ELSE %(liked_weight)s END
        * exp(-ln(2.0) * extract(epoch FROM %(now)s - happened_at) / %(half_life_s)s)
    )::float8 AS popularity
    FROM feedback_interaction JOIN catalog_item ON catalog_item.id = item_id
    WHERE happened_at > %(since)s AND happened_at <= %(now)s AND undone_at IS NULL AND kind = ANY(%(kinds)s)
      AND excluded IS NULL
      AND NOT catalog_item.hidden
    GROUP BY item_id
    ORDER BY popularity DESC, item_id DESC
    LIMIT %(limit)s
"""


def popular_items(*, now: datetime, limit: int) -> list[tuple[int, float]]:
    """Visible items by clicks, likes and saves of the last six weeks, as (item id, score), most popular first.

    Each is worth half as much a week later.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _POPULAR,
            {
                "now": now,
                "since": now - WINDOW,
                "half_life_s": HALF_LIFE.total_seconds(),
                "kinds": ["click", "like", "save"],
                "liked_weight": LIKED_WEIGHT,
                "limit": limit,
            },
        )
        return cursor.fetchall()
