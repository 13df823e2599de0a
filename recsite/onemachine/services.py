"""PostgreSQL and Redis for as long as a test run or a benchmark needs them."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsite.onemachine import postgres, redis_server
from recsite.onemachine.errors import CannotStart
from recsite.onemachine.processes import end_group, last_line, wait_for

START_DEADLINE_S = 60

POSTGRES, REDIS = "postgres", "redis"
_STOPPED_BY = {POSTGRES: signal.SIGINT, REDIS: signal.SIGTERM}


class LocalServices:
    """Both servers in one folder, started and stopped together.

    Not durable unless asked: a crash of the machine loses the data.
    """

    def __init__(self, folder: Path, *, postgres_major: int | None = None, durable: bool = False) -> None:
        self._folder = folder
        self._postgres = postgres.place(
            folder / "postgres", major=postgres_major or postgres.MAJORS[-1], durable=durable
        )
        self._redis = redis_server.place(folder / "redis", durable=durable)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def database_url(self) -> str:
        return self._postgres.url()

    @property
    def redis_url(self) -> str:
        return self._redis.url

    def start(self) -> None:
        """Start both and return when both answer. Raises CannotStart with the reason if one does not."""
        postgres.initialise(self._postgres)
        self._start(POSTGRES)
        self._start(REDIS)
        self._wait(POSTGRES)
        self._wait(REDIS)
        self._postgres.ensure_database()

    def stop(self) -> None:
        for name in reversed(list(self._running)):
            self.stop_one(name)

    def stop_one(self, name: str) -> None:
        """`POSTGRES` or `REDIS`: what the site does without it can be seen then."""
        end_group(self._running.pop(name), stop_signal=_STOPPED_BY[name], patience_s=10)

    def start_one(self, name: str) -> None:
        """Again, with all that it knew. Returns when it answers."""
        self._start(name)
        self._wait(name)

    def process_id(self, name: str) -> int:
        return self._running[name].pid

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _start(self, name: str) -> None:
        server = self._server(name)
        with self._log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                server.command(), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _wait(self, name: str) -> None:
        def ended() -> bool:
            return any(process.poll() is not None for process in self._running.values())

        if not wait_for(lambda: self._server(name).answers() or ended(), deadline_s=START_DEADLINE_S) or ended():
            self.stop()
            raise CannotStart(f"{name} did not start: {last_line(self._log(name))}")

    def _server(self, name: str) -> postgres.LocalPostgres | redis_server.LocalRedis:
        return self._postgres if name == POSTGRES else self._redis


@contextmanager
def local_services(
    folder: Path, *, postgres_major: int | None = None, durable: bool = False
) -> Iterator[LocalServices]:
    """Both servers, running and answering, until the block ends. `folder` holds files and sockets: a short path."""
    services = LocalServices(folder, postgres_major=postgres_major, durable=durable)
    services.start()
    try:
        yield services
    finally:
        services.stop()
