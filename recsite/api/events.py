"""POST /events: from a body to results, as quickly as it goes. Twenty events cost what one costs, and little more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError

from feedback.events import EventResult, accept_events
from recsite.api.authentication import Caller
from recsite.api.bodies import read_entries
from recsite.api.problems import ApiProblem
from recsite.api.schemas import BROWSER_EVENTS_MAX, EVENT_KINDS, SERVER_EVENTS_MAX
from recsite.metrics import EVENTS
from recsite.rate_limits import EVENTS_BY_READER
from recsite.requests import SiteRequest

EVENTS_BODY_MAX_BYTES = 256 * 1024


def report_events(request: SiteRequest, caller: Caller) -> dict[str, Any]:
    """The answer to a report. Raises ApiProblem: 413, 422, 429 or 503."""
    events = read_entries(
        request,
        "events",
        max_bytes=EVENTS_BODY_MAX_BYTES,
        max_entries=SERVER_EVENTS_MAX if caller.is_server else BROWSER_EVENTS_MAX,
    )
    if not caller.is_server and events:
        _refuse_too_many(caller, len(events), now=request.now)
    try:
        results = accept_events(events, sender=caller.sender(), now=request.now)
    except IntegrityError as error:
        detail = "A reader or an item was deleted in this moment. Send it again."
        raise ApiProblem(503, "changed_meanwhile", detail, headers={"Retry-After": "1"}) from error
    _count(events, results)
    return {"results": [_as_json(result) for result in results]}


def _refuse_too_many(caller: Caller, count: int, *, now: datetime) -> None:
    # In a simulation a minute is one of its own time: days pass in seconds there.
    subject = f"{caller.limited_as} {now:%Y-%m-%d %H:%M}" if settings.SIMULATION else caller.limited_as
    if EVENTS_BY_READER.exceeded(subject, attempts=count):
        window_s = EVENTS_BY_READER.window_s
        raise ApiProblem(
            429,
            "too_many_events_a_minute",
            f"A browser may report {EVENTS_BY_READER.allowed} events in {window_s} seconds. Send these again later.",
            headers={"Retry-After": str(window_s)},
        )


def _as_json(result: EventResult) -> dict[str, str | None]:
    answer: dict[str, str | None] = {"id": result.id, "status": result.status}
    if result.reason is not None:
        answer["reason"] = result.reason
    return answer


def _count(events: Sequence[object], results: Sequence[EventResult]) -> None:
    """A label a kind that we know: whoever invents kinds must not make a time series each."""
    counts = Counter(
        (_known_kind(event), result.status, result.reason or "") for event, result in zip(events, results, strict=True)
    )
    for labels, count in counts.items():
        EVENTS.labels(*labels).inc(count)


def _known_kind(event: object) -> str:
    kind = event.get("kind") if isinstance(event, dict) else None
    return kind if isinstance(kind, str) and kind in EVENT_KINDS else "other"
