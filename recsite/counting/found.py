"""What readers opened by any way, and how near their feed had come to showing it: `FoundDay`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from feedback.kinds import WEIGHTS
from recsite.counting.ranges import Span
from recsite.models import FoundDay

NEW_FOR = timedelta(days=7)
"""Where no release served, an item that was published so lately counts as cold."""

# Slates of a click belong to its visit, which began at most `LONGEST_VISIT` before; its id says when. A token holds
# milliseconds, and a click on a card may be as old as that. The second click on an item says nothing: whoever has
# opened it is not shown it again.
_COUNT = """
    WITH clicks AS MATERIALIZED (
        SELECT id, reader_id, item_id, happened_at, surface, visit_id
        FROM feedback_interaction AS click
        WHERE happened_at >= %(start)s AND happened_at < %(end)s AND kind = 'click' AND visit_id IS NOT NULL
            AND undone_at IS NULL AND excluded IS NULL
            AND NOT EXISTS (
                SELECT FROM feedback_interaction AS earlier
                WHERE earlier.reader_id = click.reader_id AND earlier.kind = 'click'
                    AND earlier.item_id = click.item_id AND earlier.happened_at < click.happened_at
                    AND earlier.undone_at IS NULL AND earlier.excluded IS NULL
            )
    ), slates AS MATERIALIZED (
        SELECT id, visit_id, date_trunc('milliseconds', served_at) AS served_at, release, items
        FROM feedback_slate
        WHERE id >= %(first_visit)s AND id < %(last_slate)s AND surface = 'home' AND excluded IS NULL
    ), before AS (
        SELECT clicks.id AS click_id, (max(slates.id::text))::uuid AS slate_id,
            bool_or(clicks.item_id = ANY(slates.items)) AS shown
        FROM clicks JOIN slates ON slates.visit_id = clicks.visit_id AND slates.served_at <= clicks.happened_at
        GROUP BY clicks.id
    ), judged AS (
        SELECT clicks.item_id, clicks.happened_at, clicks.surface, slates.release, CASE
            WHEN before.shown THEN 'shown'
            WHEN clicks.item_id = ANY(detail.union_items) THEN 'ranked low'
            WHEN clicks.item_id = ANY(detail.removed_items) THEN 'removed'
            WHEN detail.union_items IS NULL THEN 'unknown'
            ELSE 'not retrieved' END AS outcome
        FROM before
            JOIN clicks ON clicks.id = before.click_id
            JOIN slates ON slates.id = before.slate_id
            LEFT JOIN feedback_slatedetail AS detail ON detail.slate_id = before.slate_id
                AND detail.slate_id >= %(first_visit)s AND detail.slate_id < %(last_slate)s
    )
    INSERT INTO recsite_foundday (day, release, way, topic_id, is_cold, outcome, clicks)
    SELECT date_trunc('day', happened_at, 'UTC')::date, coalesce(judged.release, 0), surface,
        coalesce((
            SELECT topic_id FROM catalog_itemtopic WHERE item_id = judged.item_id ORDER BY id LIMIT 1
        ), 0),
        CASE WHEN trained.id IS NULL THEN item.published_at > happened_at - %(new_for)s
            ELSE NOT EXISTS (
                SELECT FROM feedback_interaction AS choice
                WHERE choice.item_id = judged.item_id AND choice.happened_at < trained.retriever_until
                    AND choice.kind = ANY(%(positive)s) AND choice.undone_at IS NULL AND choice.excluded IS NULL
            ) END,
        outcome, count(*)
    FROM judged JOIN catalog_item AS item ON item.id = judged.item_id
        LEFT JOIN recsite_release AS trained ON trained.id = judged.release
    GROUP BY 1, 2, 3, 4, 5, 6
"""


def count_found_days(span: Span) -> int:
    """span: of whole days, by when the click happened. Returns how many rows it has now."""
    with transaction.atomic(), connection.cursor() as cursor:
        FoundDay.objects.filter(day__gte=span.start.date(), day__lt=span.end.date()).delete()
        positive = [str(kind) for kind, weights in WEIGHTS.items() if weights.retriever]
        values: dict[str, Any] = {**span.bounds(), "new_for": NEW_FOR, "positive": positive}
        cursor.execute(_COUNT, values)
        return cursor.rowcount
