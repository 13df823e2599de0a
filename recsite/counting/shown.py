"""What was shown, and what became of it: `FeedHour` and `ItemDay`, counted anew for a span by PostgreSQL.

A day of 170,000 impressions takes PostgreSQL about a second; the rows would take longer on their way to anywhere else.
"""

from __future__ import annotations

from django.db import connection, transaction
from psycopg import sql

from feedback.kinds import Kind
from feedback.labels import POSITIVE_KINDS
from feedback.models import Slate
from recsite.counting.ranges import Span
from recsite.models import FeedHour, ItemDay
from recsite.models.log_counts import PARTS

_EXPLORED = [Slate.Branch.POOL.value, Slate.Branch.OUTSIDE.value]

# Slates may be logged late under an id of their time: both the id and `served_at` must lie in the span.
_SLATES = sql.SQL("""
    slates AS MATERIALIZED (
        SELECT id, served_at, surface, coalesce(release, 0) AS release, coalesce(fallback, '') AS fallback,
            reader_bucket %% %(parts)s AS part, first_position, items, branches
        FROM feedback_slate
        WHERE id >= %(first_slate)s AND id < %(last_slate)s AND served_at >= %(start)s AND served_at < %(end)s
            AND excluded IS NULL
    ), acts AS (
        SELECT slate_id, position, bool_or(kind = 'click') AS clicked, bool_or(kind = 'like') AS liked,
            bool_or(kind = 'save') AS saved, bool_or(kind = 'dismiss') AS dismissed,
            bool_or(kind = ANY(%(chosen)s)) AS chosen
        FROM feedback_interaction
        WHERE visit_id >= %(first_visit)s AND visit_id < %(last_slate)s
            AND slate_id >= %(first_slate)s AND slate_id < %(last_slate)s
            AND position IS NOT NULL AND undone_at IS NULL AND excluded IS NULL AND kind = ANY(%(kinds)s)
        GROUP BY slate_id, position
    ), seen AS (
        SELECT slate_id, position FROM feedback_view WHERE slate_id >= %(first_slate)s AND slate_id < %(last_slate)s
    ), slots AS (
        SELECT slate_id, position, seen.slate_id IS NOT NULL AS viewed, clicked, liked, saved, dismissed, chosen
        FROM seen FULL JOIN acts USING (slate_id, position)
    )
""")

_FEED_HOURS = sql.SQL("""
    WITH {slates}, answered AS (
        SELECT slate_id, count(*) FILTER (WHERE viewed) AS viewed, count(*) FILTER (WHERE clicked) AS clicks,
            count(*) FILTER (WHERE liked) AS likes, count(*) FILTER (WHERE saved) AS saves,
            count(*) FILTER (WHERE dismissed) AS dismissals,
            count(*) FILTER (WHERE viewed AND chosen IS NOT TRUE AND dismissed IS NOT TRUE) AS unwanted
        FROM slots GROUP BY slate_id
    ), served AS (
        SELECT slates.*, (SELECT count(*) FROM unnest(branches) AS branch WHERE branch = ANY(%(explored)s)) AS explored
        FROM slates
    )
    INSERT INTO recsite_feedhour (hour, surface, release, fallback, part, slates, slots, explored, viewed, clicks,
        likes, saves, dismissals, unwanted)
    SELECT date_trunc('hour', served_at, 'UTC'), surface, release, fallback, part, count(*), sum(cardinality(items)),
        sum(explored), coalesce(sum(viewed), 0), coalesce(sum(clicks), 0), coalesce(sum(likes), 0),
        coalesce(sum(saves), 0), coalesce(sum(dismissals), 0), coalesce(sum(unwanted), 0)
    FROM served LEFT JOIN answered ON answered.slate_id = served.id
    GROUP BY 1, 2, 3, 4, 5
""").format(slates=_SLATES)

# What became of a slot counts for the item that stood there, on the day on which it was served.
_ITEM_DAYS = sql.SQL("""
    WITH {slates}, served AS (
        SELECT id, slates.first_position + slot::int - 1 AS position, item_id,
            date_trunc('day', served_at, 'UTC')::date AS day
        FROM slates, unnest(items) WITH ORDINALITY AS shown (item_id, slot)
    )
    INSERT INTO recsite_itemday (day, item_id, place, served, viewed, clicks, likes, dismissals)
    SELECT day, item_id,
        (%(places)s::smallint[])[width_bucket(served.position, %(places)s::int[])] AS place, count(*),
        count(*) FILTER (WHERE viewed), count(*) FILTER (WHERE clicked), count(*) FILTER (WHERE liked),
        count(*) FILTER (WHERE dismissed)
    FROM served LEFT JOIN slots ON slots.slate_id = served.id AND slots.position = served.position
    GROUP BY 1, 2, 3
""").format(slates=_SLATES)


def count_feed_hours(span: Span) -> int:
    """span: of whole hours. Returns how many rows it has now."""
    with transaction.atomic():
        FeedHour.objects.filter(hour__gte=span.start, hour__lt=span.end).delete()
        return _written(_FEED_HOURS, span)


def count_item_days(span: Span) -> int:
    """span: of whole days. Returns how many rows it has now."""
    with transaction.atomic():
        ItemDay.objects.filter(day__gte=span.start.date(), day__lt=span.end.date()).delete()
        return _written(_ITEM_DAYS, span)


def _written(query: sql.Composed, span: Span) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            query,
            span.bounds()
            | {
                "parts": PARTS,
                "explored": _EXPLORED,
                "chosen": [str(kind) for kind in POSITIVE_KINDS],
                "kinds": [str(kind) for kind in (*POSITIVE_KINDS, Kind.DISMISS)],
                "places": list(ItemDay.PLACES),
            },
        )
        return cursor.rowcount
