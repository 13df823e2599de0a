"""How far the counts of the log have come. Pages ask this too, so it loads nothing that counts."""

from __future__ import annotations

from datetime import datetime, timedelta

from recsite.models import CountedUntil

LATE = timedelta(hours=48)
"""So late a report of a view may come: its token is good for as long."""
LATE_EVERY = timedelta(hours=1)
TODAY_EVERY = timedelta(minutes=10)

DAYS, RECENT, TODAY, HOURS = "days", "recent", "today", "hours"
"""Marks in `CountedUntil`. days: whole days before it were counted, and nothing arrives for them any more.  recent,
today, hours: when the last 48 hours, the current day and the last two hours were counted."""


def counted_until(name: str) -> datetime | None:
    """None before the first count."""
    return CountedUntil.objects.filter(name=name).values_list("until", flat=True).first()


def is_due(name: str, *, every: timedelta, now: datetime) -> bool:
    """Also where the clock was set back."""
    until = counted_until(name)
    return until is None or not until <= now < until + every


def mark(name: str, until: datetime) -> None:
    CountedUntil.objects.update_or_create(name=name, defaults={"until": until})
