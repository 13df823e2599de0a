"""How often each item was viewed, clicked, liked and dismissed lately: snapshots that serving can name.

A slate says which snapshot it used (`counts_as_of`), so that its features can be computed again. PostgreSQL does the
counting and builds the arrays; `feedback.count_tables` reads them in bulk.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Max

from feedback.models import CountSnapshot
from feedback.tokens import GOOD_FOR
from feedback.uuid7 import first_uuid7

WINDOWS = {
    CountSnapshot.Window.HOUR: timedelta(hours=1),
    CountSnapshot.Window.DAY: timedelta(days=1),
    CountSnapshot.Window.WEEK: timedelta(days=7),
}

# Views have no index in time, but slate ids are times: what was viewed within the window was served at most `GOOD_FOR`
# before it. A view stands on its token, so it counts even where the slate's own row was lost.
_TAKE = """
    WITH windows (name, start) AS (
        SELECT * FROM unnest(%(names)s::text[], %(starts)s::timestamptz[])
    ), events (kind, item_id, at) AS (
        SELECT 'view', v.item_id, v.viewed_at
        FROM feedback_view AS v LEFT JOIN feedback_slate AS s
            ON s.id = v.slate_id AND s.id >= %(oldest_slate)s AND s.id < %(newest_slate)s
        WHERE v.slate_id >= %(oldest_slate)s AND v.slate_id < %(newest_slate)s
            AND v.viewed_at > %(oldest)s AND v.received_at <= %(now)s AND s.excluded IS NULL
        UNION ALL
        SELECT kind, item_id, happened_at
        FROM feedback_interaction
        WHERE kind IN ('click', 'like', 'dismiss') AND happened_at > %(oldest)s AND happened_at <= %(now)s
            AND received_at <= %(now)s AND (undo_received_at IS NULL OR undo_received_at > %(now)s)
            AND excluded IS NULL
    ), counted AS (
        SELECT name, item_id,
            count(*) FILTER (WHERE kind = 'view') AS views,
            count(*) FILTER (WHERE kind = 'click') AS clicks,
            count(*) FILTER (WHERE kind = 'like') AS likes,
            count(*) FILTER (WHERE kind = 'dismiss') AS dismissals
        FROM events JOIN windows ON at > start
        WHERE at <= %(now)s
        GROUP BY name, item_id
    )
    INSERT INTO feedback_countsnapshot (as_of, "window", item_ids, views, clicks, likes, dismissals)
    SELECT %(now)s, name,
        coalesce(array_agg(item_id ORDER BY item_id) FILTER (WHERE item_id IS NOT NULL), '{}'),
        coalesce(array_agg(views ORDER BY item_id) FILTER (WHERE item_id IS NOT NULL), '{}'),
        coalesce(array_agg(clicks ORDER BY item_id) FILTER (WHERE item_id IS NOT NULL), '{}'),
        coalesce(array_agg(likes ORDER BY item_id) FILTER (WHERE item_id IS NOT NULL), '{}'),
        coalesce(array_agg(dismissals ORDER BY item_id) FILTER (WHERE item_id IS NOT NULL), '{}')
    FROM windows LEFT JOIN counted USING (name)
    GROUP BY name
    ON CONFLICT (as_of, "window") DO NOTHING
"""


def take_snapshot(*, now: datetime) -> datetime:
    """Count what happened in the hour, the day and the week before `now`, as far as the site knows by `now`.

    Returns `now`, the snapshot's id. A snapshot is never changed: taking it again changes nothing.
    """
    oldest = now - max(WINDOWS.values())
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "names": [str(window) for window in WINDOWS],
                "starts": [now - length for length in WINDOWS.values()],
                "now": now,
                "oldest": oldest,
                "oldest_slate": first_uuid7(oldest - GOOD_FOR),
                "newest_slate": first_uuid7(now + timedelta(milliseconds=1)),
            },
        )
    return now


def latest_snapshot(*, now: datetime) -> datetime | None:
    """The newest snapshot that there was at `now`."""
    return CountSnapshot.objects.filter(as_of__lte=now).aggregate(newest=Max("as_of"))["newest"]


def drop_old_snapshots(*, now: datetime, keep: timedelta) -> int:
    """Delete snapshots older than `keep`, but never the newest one. Returns how many went."""
    newest = latest_snapshot(now=now)
    if newest is None:
        return 0
    old = CountSnapshot.objects.filter(as_of__lt=min(newest, now - keep))
    dropped = old.values("as_of").distinct().count()
    old.delete()
    return dropped
