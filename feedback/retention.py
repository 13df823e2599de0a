"""For how long the log is kept."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models.functions import Coalesce

from feedback.counts import drop_old_snapshots
from feedback.kinds import STANDING
from feedback.models import Interaction
from feedback.partitions import drop_expired
from feedback.tokens import GOOD_FOR
from feedback.uuid7 import first_uuid7

UNCONFIRMED_KEPT = timedelta(days=7)
"""A slate that nobody was seen to look at, or that teaches nothing, is kept for looking into problems only."""
UNCOUNTED_KEPT = timedelta(days=30)
"""So long one that nobody was seen to look at waits to be counted: a site that never counts must not fill its disk."""
LOOK_BACK = timedelta(days=30)
"""How much older a slate may be and still be looked at: the job may have stood still for a while."""
_BATCH = 5_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retention:
    """slates: slates and views. details: feature values and unions. interactions: what people did, from import on."""

    slates: timedelta
    details: timedelta
    interactions: timedelta


@dataclass(frozen=True)
class Removed:
    partitions: list[str]
    slates: int
    interactions: int
    snapshots: int


def apply_retention(*, now: datetime, retention: Retention, counted_until: datetime | None) -> Removed:
    """Drop and delete what is older than its time. Safe to repeat; each batch is its own transaction.

    counted_until: whatever counts the log is done with slates before it; None where nothing was counted.
    """
    dropped = [
        *drop_expired(table="feedback_slatedetail", before=now - retention.details),
        *drop_expired(table="feedback_slate", before=now - retention.slates),
        *drop_expired(table="feedback_view", before=now - retention.slates),
    ]
    return Removed(
        partitions=dropped,
        slates=_delete_what_never_teaches(now, counted_until),
        interactions=_delete_old_interactions(now - retention.interactions),
        snapshots=drop_old_snapshots(now=now, keep=retention.details),
    )


_NEVER_TEACHES = """
    WITH chosen AS (
        SELECT id FROM feedback_slate AS slate
        WHERE id >= %(after)s AND id < %(before)s AND (
            excluded IS NOT NULL
            OR id < %(unseen_before)s AND NOT EXISTS (SELECT FROM feedback_view WHERE slate_id = slate.id)
        )
        LIMIT %(batch)s
    ),
    details AS (DELETE FROM feedback_slatedetail USING chosen WHERE slate_id = chosen.id),
    views AS (DELETE FROM feedback_view USING chosen WHERE slate_id = chosen.id)
    DELETE FROM feedback_slate USING chosen WHERE feedback_slate.id = chosen.id
    RETURNING excluded IS NULL AND feedback_slate.id >= %(counted_until)s
"""


def _delete_what_never_teaches(now: datetime, counted_until: datetime | None) -> int:
    """Excluded slates and those without a view report. A report may come as late as its token is good, and counts need
    what was not reported too, but nothing that is excluded."""
    before, longest = now - max(UNCONFIRMED_KEPT, GOOD_FOR), now - UNCOUNTED_KEPT
    unseen_before = max(longest, min(before, counted_until or longest))
    after = unseen_before - LOOK_BACK
    bounds: dict[str, uuid.UUID | int] = {
        "after": first_uuid7(after),
        "before": first_uuid7(before),
        "unseen_before": first_uuid7(unseen_before),
        "counted_until": first_uuid7(max(after, counted_until or after)),
        "batch": _BATCH,
    }
    deleted = uncounted = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_NEVER_TEACHES, bounds)
            deleted += cursor.rowcount
            uncounted += sum(was_not_counted for (was_not_counted,) in cursor.fetchall())
            if cursor.rowcount < _BATCH:
                break
    if uncounted:
        logger.warning("slates go that were never counted", extra={"slates": uncounted, "kept_since": str(longest)})
    return deleted


def _delete_old_interactions(before: datetime) -> int:
    """What stands (saves, follows, dismissals) is kept for as long as it stands: it is the reader's own list."""
    old = Interaction.objects.alias(kept_from=Coalesce("imported_at", "received_at")).filter(kept_from__lt=before)
    ended = old.exclude(kind__in=sorted(STANDING), undone_at=None)
    deleted, _ = ended.delete()
    return deleted
