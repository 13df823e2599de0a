"""What `manage.py doctor` looks at: every part that the site needs, and what it has to learn from."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from feedback.kinds import WEIGHTS
from feedback.models import Interaction, View
from recsite.celery import app
from recsite.models import TrainingRun
from recsite.releases.registry import live_release
from recsite.releases.store import StoreError, store

FREE_SHARE_MIN = 0.05
FREE_MIN_BYTES = 2**30
RELEASE_AGE_MAX = timedelta(days=3)
"""Retrievers are trained nightly: three in a row that brought nothing deserve a look."""

SILENCE_MAX = timedelta(minutes=10)
"""Of the scheduler, as `manage.py beat_health` has it."""

LEARNED_FROM = timedelta(days=30)
_ANSWER_S = 2.0
_GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """level: "ok"; "look", which a person may want to know; "wrong", which needs somebody."""

    part: str
    level: str
    text: str


def examine(*, now: datetime) -> Iterator[Finding]:
    """A finding a part, in the order in which they depend on each other."""
    yield (database := _asked("database", _database))
    if database.level == "wrong":
        return
    yield _asked("schema", _schema)
    yield _asked("broker", _broker)
    yield from _workers()
    yield _asked("scheduler", lambda: _scheduler(now))
    yield from _disks()
    yield _asked("release", lambda: _release(now))
    yield from _trainings()
    yield _asked("examples", lambda: _examples(now))


def _asked(part: str, question: Callable[[], tuple[str, str]]) -> Finding:
    try:
        return Finding(part, *question())
    except (DatabaseError, InterfaceError, RedisError, KombuError, StoreError, OSError) as error:
        return Finding(part, "wrong", f"{type(error).__name__}: {error}".strip())


def _database() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_size_pretty(pg_database_size(current_database()))")
        version, size = cursor.fetchone()
    return "ok", f"PostgreSQL {version} answers; {size}."


def _schema() -> tuple[str, str]:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        return "wrong", f"{len(missing)} migrations are missing. Run `manage.py migrate`."
    return "ok", "All migrations are applied."


def _broker() -> tuple[str, str]:
    cache.get("doctor")
    with app.connection_for_read() as broker:
        broker.ensure_connection(max_retries=1, timeout=_ANSWER_S)
    return "ok", "Redis answers, as broker and as cache."


def _workers() -> Iterator[Finding]:
    try:
        answers = app.control.inspect(timeout=_ANSWER_S).active_queues() or {}
    except (KombuError, RedisError, OSError) as error:
        yield Finding("workers", "wrong", f"The broker does not answer: {error}")
        return
    serving = {queue["name"]: worker for worker, queues in answers.items() for queue in queues}
    for queue in ("default", "training"):
        part = f"worker of {queue}"
        if queue in serving:
            yield Finding(part, "ok", f"{serving[queue]} answers.")
        else:
            command = f"celery -A recsite.celery worker --queues {queue}"
            yield Finding(part, "wrong", f"None answers within {_ANSWER_S:g} s. Start one: `{command}`.")


def _scheduler(now: datetime) -> tuple[str, str]:
    newest = PeriodicTask.objects.filter(enabled=True).aggregate(newest=Max("last_run_at"))["newest"]
    if newest is None:
        return "wrong", "It has not sent any job yet. Start it: `celery -A recsite.celery beat`."
    if now - newest > SILENCE_MAX:
        return "wrong", f"It sent its last job {_age(now - newest)} ago. Is `celery -A recsite.celery beat` running?"
    return "ok", f"It sent its last job {_age(now - newest)} ago."


def _disks() -> Iterator[Finding]:
    for part, folder in (("disk", settings.VAR_DIR), ("disk of artefacts", settings.ARTEFACT_CACHE)):
        usage = shutil.disk_usage(_existing(Path(folder)))
        free = f"{usage.free / _GIB:.1f} of {usage.total / _GIB:.1f} GiB are free at {folder}."
        scarce = usage.free < FREE_MIN_BYTES or usage.free < FREE_SHARE_MIN * usage.total
        yield Finding(part, "wrong" if scarce else "ok", free)


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _release(now: datetime) -> tuple[str, str]:
    live = live_release()
    if live is None:
        return "look", "None is live: everybody gets what is popular and fresh. Run `manage.py retrain`."
    missing = {live.retriever, live.ranker} - set(store().names())
    if missing:
        return "wrong", f"Release {live.pk} is live, but {settings.ARTEFACT_URL} has no {', '.join(sorted(missing))}."
    age = now - live.retriever_until
    text = f"Release {live.pk} is live; its retriever knows nothing of the last {_age(age)}."
    return ("look" if age > RELEASE_AGE_MAX else "ok"), text


def _trainings() -> Iterator[Finding]:
    for kind in TrainingRun.Kind:
        run = TrainingRun.objects.filter(kind=kind).exclude(state=TrainingRun.State.RUNNING).first()
        if run is None:
            yield Finding(f"{kind} training", "look", "There was none yet.")
            continue
        failed = run.state in {TrainingRun.State.FAILED, TrainingRun.State.LOST}
        text = f"{run.started_at:%Y-%m-%d %H:%M} {run.state}. {run.outcome}"
        yield Finding(f"{kind} training", "wrong" if failed else "ok", text)


def _examples(now: datetime) -> tuple[str, str]:
    """Views that led to nothing are counted as all views less what was clicked."""
    since = now - LEARNED_FROM
    lately = Interaction.objects.standing().filter(happened_at__gt=since, happened_at__lte=now, excluded=None)
    positives = lately.filter(kind__in=[kind for kind, weights in WEIGHTS.items() if weights.retriever]).count()
    views = View.objects.filter(viewed_at__gt=since, viewed_at__lte=now).count()
    clicks = lately.filter(kind=Interaction.Kind.CLICK, slate_id__isnull=False).count()
    text = (
        f"In {LEARNED_FROM.days} days: {positives:,} positives and {max(0, views - clicks):,} views without a click; "
        f"a gate needs {settings.GATE_POSITIVES:,} positives, a ranker of impressions {settings.RERANKER_VISITS:,} "
        "visits."
    )
    return ("ok" if positives >= settings.GATE_POSITIVES else "look"), text


def _age(age: timedelta) -> str:
    seconds = age.total_seconds()
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
