"""Recording what is served, so that it can be learned from; a page never fails for it."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError

from feedback.models import Slate as SlateRow
from feedback.slates import Candidates, ServedSlate, Slot, record_slate, slate_tokens
from feedback.uuid7 import make_uuid7
from recsite.metrics import SLATES, SLATES_NOT_RECORDED
from recsite.serving import Slate, SlateEntry
from recsite.viewers import Viewer
from recsite.visits import current_visit

logger = logging.getLogger(__name__)


def log_slate(slate: Slate, *, viewer: Viewer, now: datetime) -> Slate:
    """The slate with its id, its visit and a token an entry; as it is when it could not be recorded, or is empty."""
    SLATES.labels(slate.surface).inc()
    if not slate.entries:
        return slate
    served = _served(slate, viewer, now)
    try:
        record_slate(served, detail_share=settings.SLATE_DETAIL_SHARE)
    except DatabaseError as error:
        SLATES_NOT_RECORDED.labels(slate.surface).inc()
        logger.warning("slate is not recorded", extra={"reason": str(error)})
        return slate
    entries = tuple(
        replace(entry, token=token) for entry, token in zip(slate.entries, slate_tokens(served), strict=True)
    )
    return replace(slate, entries=entries, id=served.id, visit_id=served.visit_id)


def _served(slate: Slate, viewer: Viewer, now: datetime) -> ServedSlate:
    return ServedSlate(
        id=make_uuid7(now),
        visit_id=current_visit(viewer.public_id, now=now),
        reader_public_id=viewer.public_id,
        served_at=now,
        known_until=now,
        counts_as_of=slate.counts_as_of,
        surface=slate.surface,
        first_position=slate.entries[0].position,
        columns=viewer.columns,
        fallback=slate.policy.fallback,
        policy=slate.policy.name,
        policy_version=slate.policy.version,
        policy_parameters=slate.policy.parameters,
        excluded=viewer.excluded,
        slots=tuple(map(_slot, slate.entries)),
        removed=slate.removed_counts(),
        candidates=Candidates(
            item_ids=tuple(item_id for item_id, _ in slate.candidates),
            scores=(None,) * len(slate.candidates),
            named_by=tuple(sources for _, sources in slate.candidates),
            removed=slate.removed,
        ),
    )


def _slot(entry: SlateEntry) -> Slot:
    """Rules leave nothing to chance: what was shown is the greedy item."""
    return Slot(
        item_id=entry.item_id,
        named_by=entry.named_by,
        score=None,
        greedy_item_id=entry.item_id,
        propensity=1.0 if entry.branch == SlateRow.Branch.GREEDY else None,
        branch=entry.branch,
    )
