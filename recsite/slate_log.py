"""Recording what is served, so that it can be learned from; a page never fails for it."""

from __future__ import annotations

import logging
import uuid
from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError

from feedback.slates import ServedSlate, Slot, record_slate, slate_tokens
from feedback.uuid7 import make_uuid7
from recsite.metrics import SERVING_SECONDS, SLATES, SLATES_NOT_RECORDED
from recsite.slates import Slate, SlateEntry
from recsite.viewers import Viewer
from recsite.visits import current_visit

logger = logging.getLogger(__name__)


def log_slate(slate: Slate, *, viewer: Viewer, now: datetime, visit_id: uuid.UUID | None = None) -> Slate:
    """The slate with its id, its visit and a token an entry; as it is when it could not be recorded, or is empty.

    visit_id: the visit it belongs to; the viewer's current one by default.
    """
    SLATES.labels(slate.surface).inc()
    if not slate.entries:
        return slate
    served = _served(slate, viewer, now, visit_id or current_visit(viewer.public_id, now=now))
    try:
        with SERVING_SECONDS.labels("record").time():
            record_slate(served, detail_share=settings.SLATE_DETAIL_SHARE)
    except DatabaseError as error:
        SLATES_NOT_RECORDED.labels(slate.surface).inc()
        logger.warning("slate is not recorded", extra={"reason": str(error)})
        return slate
    entries = tuple(
        replace(entry, token=token) for entry, token in zip(slate.entries, slate_tokens(served), strict=True)
    )
    return replace(slate, entries=entries, id=served.id, visit_id=served.visit_id)


def _served(slate: Slate, viewer: Viewer, now: datetime, visit_id: uuid.UUID) -> ServedSlate:
    return ServedSlate(
        id=make_uuid7(now),
        visit_id=visit_id,
        reader_public_id=viewer.public_id,
        served_at=now,
        known_until=now,
        counts_as_of=slate.counts_as_of,
        surface=slate.surface,
        first_position=slate.entries[0].position,
        columns=viewer.columns,
        release=slate.release,
        fallback=slate.policy.fallback,
        policy=slate.policy.name,
        policy_version=slate.policy.version,
        policy_parameters=slate.policy.parameters,
        seed=slate.seed,
        excluded=viewer.excluded,
        slots=tuple(map(_slot, slate.entries)),
        removed=slate.removed_counts(),
        feature_set=slate.feature_set,
        features=slate.features,
        candidates=slate.candidates,
    )


def _slot(entry: SlateEntry) -> Slot:
    return Slot(
        item_id=entry.item_id,
        named_by=entry.named_by,
        score=entry.score,
        greedy_item_id=entry.item_id if entry.greedy_item_id is None else entry.greedy_item_id,
        propensity=entry.propensity,
        branch=entry.branch,
    )
