"""Periodic jobs: thin, safe to run twice. Schedules are rows of django-celery-beat, seeded from settings."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.core.management import call_command

from feedback.counts import take_snapshot
from feedback.partitions import ensure_partitions
from feedback.retention import Retention, apply_retention
from recsite import clock, serving


@shared_task
def refresh_popularity() -> int:
    """Recount what is popular, so that no reader waits for it. Returns how many items are."""
    return len(serving.refresh_popularity(now=clock.now()))


@shared_task
def clear_sessions() -> None:
    """Delete expired sessions."""
    call_command("clearsessions")


@shared_task
def count_interactions() -> str:
    """Take a snapshot of what was seen, clicked, liked and dismissed lately. Returns its time."""
    return take_snapshot(now=clock.now()).isoformat()


@shared_task
def keep_log() -> dict[str, int]:
    """Make room for the months to come and drop what is older than its time. Returns what was done, in numbers."""
    now = clock.now()
    made = ensure_partitions(now=now)
    removed = apply_retention(
        now=now,
        retention=Retention(
            slates=timedelta(days=settings.SLATE_RETENTION_DAYS),
            details=timedelta(days=settings.DETAIL_RETENTION_DAYS),
            interactions=timedelta(days=settings.INTERACTION_RETENTION_DAYS),
        ),
    )
    return {
        "partitions made": len(made),
        "partitions dropped": len(removed.partitions),
        "slates deleted": removed.slates,
        "interactions deleted": removed.interactions,
        "snapshots deleted": removed.snapshots,
    }
