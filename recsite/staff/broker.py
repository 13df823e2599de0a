"""The queue of jobs, asked from a page: every call ends within about a second, also where nobody answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from celery import Celery
from django.conf import settings
from django_celery_beat.models import PeriodicTask
from kombu import Connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

QUEUES = ("default", "training")
PATIENCE_S = 0.5


class BrokerDown(Exception):
    """Redis, through which jobs are sent, does not answer."""


@dataclass(frozen=True)
class Worker:
    """running: names of the tasks that it is at."""

    name: str
    processes: int
    running: tuple[str, ...]


def queue_lengths() -> dict[str, int]:
    """How many tasks wait in each queue. Raises BrokerDown."""
    with _connection() as connection, connection.channel() as channel:
        return {queue: channel.client.llen(queue) for queue in QUEUES}


def workers() -> list[Worker]:
    """Those that answer within half a second: one that trains may be too busy. Raises BrokerDown."""
    with _connection() as connection:
        inspect = _app().control.inspect(timeout=PATIENCE_S, connection=connection)
        running = inspect.active() or {}
        stats = inspect.stats() or {}
    return [
        Worker(
            name,
            processes=int(stats.get(name, {}).get("pool", {}).get("max-concurrency") or 1),
            running=tuple(sorted(task["name"] for task in running.get(name, ()))),
        )
        for name in sorted({*running, *stats})
    ]


def send(job: PeriodicTask) -> str:
    """Put one run of the job into its queue, as the scheduler would. Returns the task's id. Raises BrokerDown."""
    options: dict[str, Any] = {"retry": False}
    if job.queue:
        options["queue"] = job.queue
    with _connection() as connection:
        sent = _app().send_task(
            job.task,
            args=json.loads(job.args or "[]"),
            kwargs=json.loads(job.kwargs or "{}"),
            connection=connection,
            **options,
        )
    return str(sent.id)


@contextmanager
def _connection() -> Iterator[Connection]:
    """One of our own: those of the pool wait longer, and try again."""
    quick = settings.CELERY_BROKER_TRANSPORT_OPTIONS | {
        "socket_timeout": 2 * PATIENCE_S,
        "socket_connect_timeout": PATIENCE_S,
        "max_retries": 0,
    }
    try:
        with Connection(settings.CELERY_BROKER_URL, transport_options=quick, connect_timeout=PATIENCE_S) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=PATIENCE_S)
            yield connection
    except (OperationalError, RedisError, OSError) as error:
        raise BrokerDown("The queue of jobs does not answer. Look whether Redis runs, and try again.") from error


def _app() -> Celery:
    from recsite.celery import app  # noqa: PLC0415 - settings first

    return app
