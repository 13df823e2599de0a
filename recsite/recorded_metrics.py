"""Metrics that no web process counts, read from rows when somebody asks: releases, trainings and jobs.

Those run in other processes, often on other machines, whose counters nobody could add up; their rows can be counted
from anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.db import Error
from django.db.models import Count, Max, Q
from django_celery_results.models import TaskResult
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from recsite.models import Release, TrainingRun
from recsite.releases.registry import live_release

JOBS_OF = timedelta(days=1)
"""Results of jobs are deleted after a day."""


class RecordedMetrics(Collector):
    """now: tells the time of a scrape."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Without an answer of the database, that alone: what the process counted itself can be read all the same."""
        answers = GaugeMetricFamily("recsite_database_answers", "1 where PostgreSQL answered this scrape, else 0.")
        try:
            found = [*_releases(self._now()), *_trainings(), *_jobs(self._now())]
        except Error:
            found = []
        answers.add_metric([], 1 if found else 0)
        yield answers
        yield from found


def _releases(now: datetime) -> Iterator[Metric]:
    states = GaugeMetricFamily("recsite_releases", "Releases, by state.", labels=["state"])
    counts = dict(Release.objects.order_by().values_list("state").annotate(Count("pk")))
    for state in Release.State.values:
        states.add_metric([state], counts.get(state, 0))
    yield states
    yield from _live(now)


def _live(now: datetime) -> Iterator[Metric]:
    """Nothing of ages where none is live: then there is no age."""
    live = live_release()
    number = GaugeMetricFamily("recsite_live_release", "Number of the live release; 0: none is live.")
    number.add_metric([], 0 if live is None else live.pk)
    yield number
    age = GaugeMetricFamily(
        "recsite_live_release_age_seconds",
        "Age of the newest interaction that a model of the live release may know.",
        labels=["model"],
    )
    since = GaugeMetricFamily("recsite_live_release_for_seconds", "For how long the live release is live.")
    if live is not None:
        for model, until in (("retriever", live.retriever_until), ("ranker", live.ranker_until)):
            if until is not None:
                age.add_metric([model], (now - until).total_seconds())
        if live.live_since is not None:
            since.add_metric([], (now - live.live_since).total_seconds())
    yield from (age, since)


def _trainings() -> Iterator[Metric]:
    ended = CounterMetricFamily(
        "recsite_training_runs", "Trainings that ended, by what came of them.", labels=["kind", "outcome"]
    )
    running = GaugeMetricFamily("recsite_training_running", "Trainings of which no end is known yet.", labels=["kind"])
    rows = TrainingRun.objects.order_by().values_list("kind", "state").annotate(count=Count("pk"))
    counts = {(kind, state): count for kind, state, count in rows}
    for kind in TrainingRun.Kind.values:
        for state in TrainingRun.State.values:
            if state != TrainingRun.State.RUNNING:
                ended.add_metric([kind, state], counts.get((kind, state), 0))
        running.add_metric([kind], counts.get((kind, TrainingRun.State.RUNNING), 0))
    yield from (ended, running)


def _jobs(now: datetime) -> Iterator[Metric]:
    done = GaugeMetricFamily("recsite_jobs", "Jobs of the last 24 hours, by status.", labels=["job", "status"])
    age = GaugeMetricFamily(
        "recsite_job_success_age_seconds", "Time since a job last succeeded, if in the last 24 hours.", labels=["job"]
    )
    rows = (
        TaskResult.objects.filter(Q(date_done__gt=now - JOBS_OF, date_done__lte=now), task_name__isnull=False)
        .order_by()
        .values_list("task_name", "status")
        .annotate(count=Count("pk"), newest=Max("date_done"))
    )
    for name, status, count, newest in rows:
        job = name.rpartition(".")[2]
        done.add_metric([job, status.lower()], count)
        if status == "SUCCESS":
            age.add_metric([job], (now - newest).total_seconds())
    yield from (done, age)
