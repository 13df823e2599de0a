"""What an acknowledgement is worth: a web process and the database are killed while events come in."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import psycopg

from recsite import settings
from recsite.onemachine import postgres, redis_server
from recsite.onemachine.processes import end_group
from tests.addresses import free_port
from tests.onemachine.reporting_client import ACTS_A_BATCH, ReportingClient
from tests.services import environment_before
from tests.waiting import wait_until

CLIENTS = 3
BATCHES_EACH = 4
"""So many acknowledged batches of every client pass before, between and after the faults."""

_PREPARE = """
from datetime import timedelta
from django.core.management import call_command
from catalog.models import Item
from recsite import clock
from recsite.models import ApiKey
call_command("migrate", verbosity=0)
now = clock.now()
Item.objects.bulk_create(
    Item(external_id=str(n), slug=f"item-{n}", title=f"Item {n}", published_at=now - timedelta(days=n), created_at=now,
         updated_at=now)
    for n in range(1, 61)
)
print(ApiKey.objects.make(name="test", now=now)[1])
"""


class Site:
    """A real site of this test's own: PostgreSQL that keeps its promises on disk, Redis, two web processes."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._database = postgres.place(folder / "postgres", durable=True)
        self._redis = redis_server.place(folder / "redis")
        self.port = free_port()
        self._environment = environment_before() | {
            "DJANGO_SETTINGS_MODULE": "recsite.settings",
            "SECRET_KEY": "not-a-secret-" * 5,
            "ALLOWED_HOSTS": "127.0.0.1",
            "HTTPS": "0",
            "LOG_LEVEL": "WARNING",
            "VAR_DIR": str(folder / "var"),
            "DATABASE_URL": self._database.url(),
            "REDIS_URL": self._redis.url,
        }

    def start(self) -> str:
        """Returns an API key."""
        postgres.initialise(self._database)
        self.start_database()
        self._start("redis", self._redis.command(), signal.SIGTERM)
        wait_until(self._redis.answers, "Redis")
        self._database.ensure_database()
        prepare = [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", _PREPARE]
        key = subprocess.run(
            prepare, cwd=settings.BASE_DIR, env=self._environment, capture_output=True, text=True, check=True
        ).stdout.strip()
        gunicorn = [sys.executable, "-m", "gunicorn", "recsite.wsgi", "--bind", f"127.0.0.1:{self.port}"]
        self._web = self._start("web", [*gunicorn, "--no-control-socket"], signal.SIGTERM)
        wait_until(lambda: len(self.web_workers()) == 2, "two web processes")
        return key

    def start_database(self) -> None:
        self._postgres = self._start("postgres", self._database.command(), signal.SIGINT)
        wait_until(self._database.answers, "PostgreSQL")

    def stop_database_at_once(self) -> None:
        """As a crash leaves it: nothing is finished, nothing is flushed."""
        self._postgres.send_signal(signal.SIGQUIT)
        self._postgres.wait(timeout=30)

    def web_workers(self) -> list[psutil.Process]:
        return psutil.Process(self._web.pid).children()

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self._database.url()) as connection:
            return connection.execute(query).fetchall()

    def said(self) -> str:
        return (self._folder / "web.log").read_text(errors="replace")[-4_000:]

    def _start(self, name: str, command: list[str], stop_signal: signal.Signals) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=settings.BASE_DIR if name == "web" else "/",
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._stack.callback(end_group, process, stop_signal=stop_signal, patience_s=10)
        return process


@contextmanager
def running_site(folder: Path) -> Iterator[tuple[Site, str]]:
    with ExitStack() as stack:
        site = Site(folder, stack)
        yield site, site.start()


@contextmanager
def reporting(site: Site, key: str) -> Iterator[list[ReportingClient]]:
    clients = [ReportingClient(port=site.port, key=key, name=f"reader-{n}") for n in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.stop()
        for client in clients:
            client.join(timeout=30)


def more_batches(clients: list[ReportingClient]) -> Callable[[], bool]:
    """Whether every client has had a few more batches acknowledged since this was called."""
    wanted = [len(client.acknowledged) + BATCHES_EACH * ACTS_A_BATCH for client in clients]
    return lambda: all(len(client.acknowledged) >= goal for client, goal in zip(clients, wanted, strict=True))


def test_what_was_acknowledged_is_there_once_after_web_and_database_were_killed(folder: Path) -> None:
    with running_site(folder) as (site, key):
        with reporting(site, key) as clients:
            wait_until(more_batches(clients), "events before any fault", 60, found=site.said)

            killed = site.web_workers()[0]
            killed.kill()
            wait_until(lambda: len(site.web_workers()) == 2 and killed not in site.web_workers(), "a new web process")
            wait_until(more_batches(clients), "events after a web process was killed", 60, found=site.said)

            failures_before = sum(client.failures for client in clients)
            site.stop_database_at_once()
            wait_until(lambda: sum(client.failures for client in clients) > failures_before, "a call that fails")
            site.start_database()
            wait_until(more_batches(clients), "events after the database was killed", 60, found=site.said)

        assert not any(client.is_alive() for client in clients)
        assert [client.refused for client in clients] == [[]] * CLIENTS
        acknowledged = {event_id for client in clients for event_id in client.acknowledged}
        assert acknowledged == {event_id for client in clients for event_id in client.sent}
        written = [str(event_id) for (event_id,) in site.rows("SELECT event_id FROM feedback_interaction")]
        assert sorted(written) == sorted(acknowledged)
        seen = {place for client in clients for place in client.seen}
        viewed = site.rows("SELECT slate_id::text, position FROM feedback_view")
        assert len(viewed) == len(set(viewed))
        assert set(viewed) == seen
