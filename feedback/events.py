"""Reports from browsers and servers: each one accepted, seen to be a repeat, or refused by name.

A bad event never loses its neighbours. What is accepted is on disk before the answer goes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from feedback.event_forms import REASONS, Event, EventReader, Refused, Sender, is_clean
from feedback.event_writing import write_events


class EventResult(NamedTuple):
    """id: as the client gave it, if it was a text. status: accepted, duplicate or refused. reason: a key of REASONS."""

    id: str | None
    status: str
    reason: str | None = None


def accept_events(events: Sequence[object], *, sender: Sender, now: datetime) -> list[EventResult]:
    """Judge each of `events` (plain JSON values), write the good ones in one transaction; a result each, in order.

    Raises DatabaseError when nothing could be written; then nothing was, and all may be sent again. IntegrityError is
    one: the reader or an item was deleted in this moment.
    """
    reading = EventReader(sender, now)
    parsed = [reading.judge(event) for event in events]
    good = [event for event in parsed if isinstance(event, Event)]
    outcomes = iter(write_events(good, sender, now) if good else ())
    return [
        _refused(raw, one.reason) if isinstance(one, Refused) else _written(raw, next(outcomes))
        for raw, one in zip(events, parsed, strict=True)
    ]


def _written(raw: Any, outcome: str) -> EventResult:
    return _refused(raw, outcome) if outcome in REASONS else EventResult(raw["id"], outcome)


def _refused(raw: object, reason: str) -> EventResult:
    given = raw.get("id") if isinstance(raw, dict) else None
    has_id = isinstance(given, str) and len(given) <= 64 and is_clean(given)
    return EventResult(given if has_id else None, "refused", reason)
