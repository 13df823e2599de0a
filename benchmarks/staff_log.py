"""A made-up log on a site that has items and releases, written by the database itself, up to this moment.

Visits are those of `benchmarks.made_up_visits`; one in ten also opens something that it searched for. Slates of the
last days keep 400 candidates; the newest of them keep features too. Needs Django to be set up.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from benchmarks.made_up_visits import CARDS, SLATES_A_VISIT, Visits, visits_of, write_visits
from feedback.partitions import ensure_partitions
from recsite.funnel.sources import FEATURE_SET
from recsite.models import JobRun, Release, TrainingRun

UNION = 400
DETAILS_OF = timedelta(days=3)
WITH_FEATURES = 2_000
RUNS_A_JOB = 500


@dataclass(frozen=True)
class Log:
    """impressions: about so many, in whole visits.  days: over which visits began, evenly, until `now`."""

    impressions: int
    days: int
    items: int
    release: int
    now: datetime
    seed: int

    @property
    def visits(self) -> int:
        return visits_of(self.impressions)

    @property
    def shown(self) -> int:
        return self.visits * SLATES_A_VISIT * CARDS

    @property
    def began(self) -> datetime:
        return self.now - timedelta(days=self.days)


def plant(log: Log) -> None:
    ensure_partitions(now=log.began, months_ahead=2 + log.days // 28)
    visits = Visits(
        count=log.visits,
        began=log.began,
        span=timedelta(days=log.days, minutes=-10),
        items=log.items,
        release=log.release,
        counts_age=None,
        seed=log.seed,
    )
    values: dict[str, Any] = {"items": log.items, "union": UNION, "detailed": log.now - DETAILS_OF}
    with connection.cursor() as cursor:
        write_visits(cursor, visits)
        for statement in (_SEARCHED, _DETAILS):
            cursor.execute(statement, values)
        _add_features(cursor, log.seed)
        cursor.execute("ANALYZE")


def plant_jobs(release: Release, *, now: datetime) -> None:
    """Schedules as the settings have them, and runs of each."""
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        schedule, task = entry["schedule"], str(entry["task"])
        if isinstance(schedule, float):
            interval, _ = IntervalSchedule.objects.get_or_create(every=int(schedule), period=IntervalSchedule.SECONDS)
            job = PeriodicTask(name=name, task=task, interval=interval, last_run_at=now)
        else:
            crontab, _ = CrontabSchedule.objects.get_or_create(hour="3", minute="10")
            job = PeriodicTask(name=name, task=task, crontab=crontab, last_run_at=now)
        job.save()
        JobRun.objects.bulk_create(
            JobRun(
                task=task,
                task_id=str(uuid.uuid4()),
                worker="benchmark",
                state=JobRun.State.DONE,
                started_at=now - number * timedelta(minutes=5),
                finished_at=now - number * timedelta(minutes=5) + timedelta(seconds=2),
                log="One line of a log.\n" * 50,
            )
            for number in range(RUNS_A_JOB)
        )
    TrainingRun.objects.bulk_create(
        TrainingRun(
            kind=TrainingRun.Kind.RERANKER,
            state=TrainingRun.State.PROMOTED,
            started_at=now - number * timedelta(hours=1),
            finished_at=now - number * timedelta(hours=1) + timedelta(minutes=9),
            process="benchmark",
            release=release,
        )
        for number in range(RUNS_A_JOB)
    )


def _add_features(cursor: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cursor.execute("SELECT slate_id FROM feedback_slatedetail ORDER BY slate_id DESC LIMIT %s", [WITH_FEATURES])
    rows = [
        (rng.random(CARDS * len(FEATURE_SET), np.float32).astype("<f4").tobytes(), slate_id)
        for (slate_id,) in cursor.fetchall()
    ]
    cursor.executemany(
        f"UPDATE feedback_slatedetail SET feature_set = '{FEATURE_SET.id}', features = %s WHERE slate_id = %s",  # noqa: S608
        rows,
    )


_SEARCHED = """
    INSERT INTO feedback_interaction (reader_id, reader_bucket, kind, item_id, happened_at, received_at, surface,
        visit_id)
    SELECT reader.id, reader_bucket, 'click', 1 + (%(items)s * random())::bigint %% %(items)s,
        served_at + interval '1 minute', served_at + interval '1 minute', 'search', visit_id
    FROM feedback_slate JOIN catalog_reader AS reader ON reader.public_id = reader_public_id
    WHERE random() < 0.1 AND first_position = 0 AND policy = 'greedy'
"""

_DETAILS = """
    INSERT INTO feedback_slatedetail (slate_id, union_items, union_scores, union_sources, removed_items,
        removed_reasons)
    SELECT id, ARRAY(
            SELECT 1 + (%(items)s * random())::bigint %% %(items)s FROM generate_series(1, %(union)s)
            WHERE first_position >= 0
        ), array_fill(0.1::real, ARRAY[%(union)s]), array_fill(1::smallint, ARRAY[%(union)s]),
        ARRAY[1 + (%(items)s * random())::bigint %% %(items)s], '{dismissed}'
    FROM feedback_slate WHERE served_at >= %(detailed)s AND policy = 'greedy'
"""
