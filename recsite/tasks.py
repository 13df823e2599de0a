"""Periodic jobs: thin, safe to run twice. Schedules are rows of django-celery-beat, seeded from settings.

What trains runs in a worker of its own, on the queue "training"; only there is anything imported that trains. What
reads in bulk is imported where it is used, too: the scheduler and web processes, which only name tasks, stay small.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.core.management import call_command

from feedback.partitions import ensure_partitions
from feedback.retention import Retention, apply_retention
from recsite import clock, job_runs, popularity
from recsite.counting.schedule import DAYS, counted_until
from recsite.models import TrainingRun

TRAINING_LIMIT_S = 2 * 3600
_TRAINING = {
    # One that was killed is not sent again by itself: what killed it may be the training. The next in turn clears up.
    "acks_late": False,
    "soft_time_limit": TRAINING_LIMIT_S,
    "time_limit": TRAINING_LIMIT_S + 300,
}


@shared_task
def refresh_popularity() -> int:
    """Recount what is popular, so that no reader waits for it. Returns how many items are."""
    return len(popularity.refresh_popularity(now=clock.now()))


@shared_task
def clear_sessions() -> None:
    """Delete expired sessions."""
    call_command("clearsessions")


@shared_task
def refresh_sources() -> str:
    """Take a snapshot of what was seen, clicked, liked and dismissed lately, and of what is popular and trending by it.
    Returns its time."""
    from recsite.releases import snapshots  # noqa: PLC0415 - reads in bulk

    return snapshots.take_source_snapshots(now=clock.now()).isoformat()


@shared_task
def embed_new_items() -> int:
    """Give items that were published or changed since the last training their vectors. Returns how many."""
    from recsite.releases import embedding  # noqa: PLC0415 - reads in bulk

    return embedding.embed_new_items(now=clock.now())


@shared_task
def prune_releases() -> list[str]:
    """Delete trained files that nobody will go back to. Returns their names."""
    from recsite.releases import registry  # noqa: PLC0415 - reads in bulk

    return registry.prune(now=clock.now())


@shared_task(**_TRAINING)
def retrain_retriever() -> str:
    """Train a new pair on everything; it goes live only if it passes the gate. Returns what came of it."""
    return _retrain(TrainingRun.Kind.RETRIEVER)


@shared_task(**_TRAINING)
def retrain_reranker() -> str:
    """Train a new ranker beside the live retriever. Returns what came of it."""
    return _retrain(TrainingRun.Kind.RERANKER)


def _retrain(kind: TrainingRun.Kind) -> str:
    from recsite.training.rounds import retrain  # noqa: PLC0415 - needs what only the training worker has
    from recsite.training.runs import AlreadyTraining  # noqa: PLC0415

    try:
        return retrain(kind, now=clock.now(), by="schedule").text
    except AlreadyTraining as busy:
        return str(busy)


@shared_task
def count_log() -> dict[str, int | bool | list[str]]:
    """Count what was shown, seen, chosen and found, by hour and by day, for the staff pages. Returns how much."""
    from recsite.counting import job  # noqa: PLC0415 - reads in bulk

    return asdict(job.count_log(now=clock.now()))


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
        counted_until=counted_until(DAYS),
    )
    return {
        "partitions made": len(made),
        "partitions dropped": len(removed.partitions),
        "slates deleted": removed.slates,
        "interactions deleted": removed.interactions,
        "snapshots deleted": removed.snapshots,
        "runs of jobs deleted": job_runs.clear_old(now=now),
    }
