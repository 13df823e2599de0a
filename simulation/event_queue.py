"""The events of a browser that wait to be sent, as static/js/event-queue.js keeps them; they outlive their page."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

GOOD_FOR = timedelta(hours=48)
KEPT = 1000
MILLISECOND = timedelta(milliseconds=1)

Told = dict[str, Any]
"""An event as its page tells it: kind, value where it has one, token or item."""


@dataclass
class EventQueue:
    """events: each with its id and its moment, oldest first."""

    events: list[tuple[str, datetime, Told]] = field(default_factory=list)

    def add(self, event_id: str, moment: datetime, told: Told) -> None:
        self.events.append((event_id, moment, told))

    def waiting(self, now: datetime) -> list[str]:
        """Ids of all that waits; what is too old to be accepted, or one too many, is dropped."""
        self.events = [event for event in self.events[-KEPT:] if event[1] >= now - GOOD_FOR]
        return [event_id for event_id, _, _ in self.events]

    def body(self, ids: Iterable[str], now: datetime) -> str:
        """The report of these: how long ago each was, so that no clock but the site's need be right."""
        wanted = set(ids)
        events = [
            {**told, "id": event_id, "age_ms": max(0, (now - moment) // MILLISECOND)}
            for event_id, moment, told in self.events
            if event_id in wanted
        ]
        return json.dumps({"events": events}, separators=(",", ":"), ensure_ascii=False)

    def forget(self, ids: Iterable[str]) -> None:
        gone = set(ids)
        self.events = [event for event in self.events if event[0] not in gone]

    def as_json(self) -> list[Any]:
        return [[event_id, moment.isoformat(), told] for event_id, moment, told in self.events]

    @classmethod
    def from_json(cls, kept: list[Any]) -> EventQueue:
        return cls([(event_id, datetime.fromisoformat(moment), told) for event_id, moment, told in kept])
