"""Periodic jobs: thin, safe to run twice. Schedules are rows of django-celery-beat, seeded from settings."""

from __future__ import annotations

from celery import shared_task
from django.core.management import call_command

from recsite import clock, serving


@shared_task
def refresh_popularity() -> int:
    """Recount what is popular, so that no reader waits for it. Returns how many items are."""
    return len(serving.refresh_popularity(now=clock.now()))


@shared_task
def clear_sessions() -> None:
    """Delete expired sessions."""
    call_command("clearsessions")
