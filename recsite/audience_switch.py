"""Whether the simulated audience is to be there. Staff turn it; the trail of what they did is the switch itself."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from recsite.models import StaffAction

ABOUT = "audience"
STARTED, STOPPED = "start audience", "stop audience"


def is_on() -> bool:
    """As it was last turned; on until somebody turns it."""
    latest = StaffAction.objects.filter(about=ABOUT).order_by("-at", "-pk").values_list("action", flat=True).first()
    return latest != STOPPED


def trail(*, most: int) -> QuerySet[StaffAction]:
    """How it was turned, the newest first."""
    return StaffAction.objects.filter(about=ABOUT)[:most]


def turn(*, on: bool, by: str, reason: str, now: datetime) -> None:
    """The process that keeps the audience (`manage.py simulate --audience`) follows within seconds."""
    StaffAction.objects.create(at=now, by=by, action=STARTED if on else STOPPED, about=ABOUT, reason=reason)
