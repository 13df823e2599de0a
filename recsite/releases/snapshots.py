"""What is popular and trending, worked out by a job for every process, beside the counts of the same moment."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from django.db import transaction
from django.db.models import Max
from psycopg import sql

from feedback.counts import latest_snapshot, take_snapshot
from feedback.kinds import READ_MS, WEIGHTS, Kind
from feedback.log_connection import fetch, log_connection, one_moment
from recsite.funnel.sources import CHOICES_DAYS, popular_and_trending
from recsite.models import SourceSnapshot
from recsite.releases.changes import SOURCES, notify
from retrieval.candidates import Candidates
from retrieval.interactions import Interactions

POPULAR, TRENDING = "popular", "trending"

MOST_ITEMS = 50_000
"""So many of each are written; those after them were chosen by next to nobody."""
KEPT = timedelta(hours=12)
"""Snapshots are large, and slates log the values that they used of them."""

# A choice as `feedback.positives` has it, but by PostgreSQL, because this runs every few minutes: a click counts once
# it was read, in its visit, or in the half hour after it where it names none. What was taken back is no choice.
_CHOICES = sql.SQL("""
    WITH known AS (
        SELECT reader_id, item_id, visit_id, kind, happened_at, dwell_ms, imported_at
        FROM feedback_interaction
        WHERE happened_at >= {since} AND happened_at < {now} AND received_at <= {now} AND excluded IS NULL
            AND (undo_received_at IS NULL OR undo_received_at > {now}) AND kind = ANY({kinds})
    ), reading AS (
        SELECT reader_id, item_id, visit_id, sum(dwell_ms) AS dwell_ms
        FROM known WHERE kind = 'dwell' AND visit_id IS NOT NULL GROUP BY 1, 2, 3
    ), reading_without_visit AS (
        SELECT reader_id, item_id, happened_at, dwell_ms FROM known WHERE kind = 'dwell' AND visit_id IS NULL
    )
    SELECT known.reader_id, known.item_id, extract(epoch FROM known.happened_at)::float8 AS happened_s,
        weights.weight
    FROM known
        JOIN unnest({choices}::text[], {weights}::real[]) AS weights (kind, weight) ON weights.kind = known.kind
        LEFT JOIN reading ON known.kind = 'click'
            AND (reading.reader_id, reading.item_id, reading.visit_id)
              = (known.reader_id, known.item_id, known.visit_id)
    WHERE known.kind <> 'click' OR known.imported_at IS NOT NULL OR reading.dwell_ms >= {read_ms}
        OR known.visit_id IS NULL AND {read_ms} <= (
            SELECT sum(late.dwell_ms) FROM reading_without_visit AS late
            WHERE late.reader_id = known.reader_id AND late.item_id = known.item_id
                AND late.happened_at BETWEEN known.happened_at AND known.happened_at + interval '30 minutes'
        )
""")


def take_source_snapshots(*, now: datetime) -> datetime:
    """Work out what is popular and trending by what was known at `now`, beside the counts of that moment, which are
    taken if nobody has. Older ones are dropped. Returns `now`, the snapshots' id. Safe to repeat."""
    if latest_snapshot(now=now) != now:
        take_snapshot(now=now)
    popular, trending = popular_and_trending(read_choices(now=now), now.timestamp())
    rows = [_row(now, source, said) for source, said in ((POPULAR, popular), (TRENDING, trending))]
    with transaction.atomic():
        SourceSnapshot.objects.bulk_create(rows, ignore_conflicts=True)
        _drop_old(now)
        notify(SOURCES)
    return now


def read_choices(*, now: datetime) -> Interactions:
    """Choices of the last `CHOICES_DAYS`, as the site knew them at `now`."""
    weighed = {str(kind): weights.retriever for kind, weights in WEIGHTS.items() if weights.retriever}
    query = _CHOICES.format(
        since=now - timedelta(days=CHOICES_DAYS),
        now=now,
        kinds=[*weighed, str(Kind.DWELL)],
        choices=list(weighed),
        weights=list(weighed.values()),
        read_ms=READ_MS,
    )
    with log_connection() as session, one_moment(session) as cursor:
        readers, items, times_s, weights = (column.to_numpy() for column in fetch(cursor, query).columns)
    return Interactions.in_order(readers, items, times_s, weights)


def _row(as_of: datetime, source: str, said: Candidates) -> SourceSnapshot:
    first = slice(MOST_ITEMS)
    return SourceSnapshot(
        as_of=as_of, source=source, item_ids=said.item_ids[first].tolist(), scores=_exact(said.scores[first])
    )


def _exact(scores: np.ndarray) -> list[float]:
    return scores.astype(np.float64).tolist()


def _drop_old(now: datetime) -> None:
    """Never the newest: better an old order than none."""
    newest = SourceSnapshot.objects.filter(as_of__lte=now).aggregate(newest=Max("as_of"))["newest"]
    if newest is not None:
        SourceSnapshot.objects.filter(as_of__lt=min(newest, now - KEPT)).delete()
