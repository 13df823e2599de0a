"""PostgreSQL and Redis for as long as a test run or a benchmark needs them."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from recsite.onemachine import postgres, redis_server
from recsite.onemachine.errors import CannotStart
from recsite.onemachine.processes import end_group, last_line, wait_for

START_DEADLINE_S = 60


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
        self._running: list[tuple[subprocess.Popen[bytes], signal.Signals]] = []

    @property
    def database_url(self) -> str:
        return self._postgres.url()

    @property
    def redis_url(self) -> str:
        return self._redis.url

    def start(self) -> None:
        """Start both and return when both answer. Raises CannotStart with the reason if one does not."""
        postgres.initialise(self._postgres)
        self._start("postgres", self._postgres.command(), signal.SIGINT)
        self._start("redis", self._redis.command(), signal.SIGTERM)
        self._wait("postgres", self._postgres.answers)
        self._wait("redis", self._redis.answers)
        self._postgres.ensure_database()

    def stop(self) -> None:
        while self._running:
            process, stop_signal = self._running.pop()
            end_group(process, stop_signal=stop_signal, patience_s=10)

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _start(self, name: str, command: list[str], stop_signal: signal.Signals) -> None:
        with self._log(name).open("wb") as log:
            process = subprocess.Popen(
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._running.append((process, stop_signal))

    def _wait(self, name: str, answers: Callable[[], bool]) -> None:
        def ended() -> bool:
            return any(process.poll() is not None for process, _ in self._running)

        if not wait_for(lambda: answers() or ended(), deadline_s=START_DEADLINE_S) or ended():
            self.stop()
            raise CannotStart(f"{name} did not start: {last_line(self._log(name))}")


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
