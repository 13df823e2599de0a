"""A demo in a process of its own, as `make demo` starts it, and what can be seen of it from outside."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from recsite import settings
from tests.services import environment_before
from tests.waiting import wait_until

MARK = "RECSITE_TEST_MARK"
START_DEADLINE_S = 300
STOP_DEADLINE_S = 60
"""Patience for a busy machine. That what still runs after 8.5 s is killed is the supervisor's own promise."""


@dataclass(frozen=True)
class Finished:
    code: int
    output: str
    """What it wrote to stdout and stderr."""


class DemoProcess:
    """Started when built. What it starts carries a mark in its environment, by which it is found again.

    PostgreSQL's children write their titles over theirs; they are found as descendants.
    """

    def __init__(
        self,
        var: Path,
        *,
        port: int | None = None,
        command: list[str] | None = None,
        uid: int | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.var = var
        self.port = port or free_port()
        self.mark = uuid.uuid4().hex
        self.output = var.parent / f"{self.mark}.output"
        given = {MARK: self.mark, "VAR_DIR": str(var), "PORT": str(self.port), "AUDIENCE": "0"}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command or launcher(),
                cwd=settings.BASE_DIR,
                env=environment_before() | given | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_heed_hang_up,  # noqa: PLW1509 - no other thread holds a lock that it takes
                **({} if uid is None else {"user": uid, "group": uid, "extra_groups": []}),
            )

    def wait_until_served(self) -> None:
        wait_until(
            lambda: "Open" in self.said() or self.process.poll() is not None, "a demo that serves", START_DEADLINE_S
        )
        assert self.process.poll() is None, self.said()

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def get(self, path: str) -> int:
        """The status of the page at `path`, 0 when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def database(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.settings()["DATABASE_URL"])

    def settings(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in (self.var / "demo.env").read_text().splitlines())

    def manage(self, *arguments: str) -> str:
        """What `DEMO=1 manage.py ...` by hand prints."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=environment_before() | {"DEMO": "1", "VAR_DIR": str(self.var)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def marked(self) -> list[psutil.Process]:
        """Every process on the machine that this demo started, itself included."""
        return [process for process in psutil.process_iter() if self._is_marked(process)]

    def everything(self) -> set[psutil.Process]:
        """Every marked process and its descendants."""
        found = set(self.marked())
        for process in list(found):
            try:
                found |= set(process.children(recursive=True))
            except psutil.NoSuchProcess:
                continue
        return found

    def program(self, name: str) -> psutil.Process | None:
        """The process that the supervisor started under this name, if it runs."""
        for process in self.marked():
            try:
                if process.environ().get("SUPERVISOR_PROCESS_NAME") == name and process.ppid() == self.supervisor().pid:
                    return process
            except psutil.Error:
                continue
        return None

    def supervisor(self) -> psutil.Process:
        return psutil.Process(int((self.var / "run" / "supervisord.pid").read_text()))

    def interrupt(self) -> None:
        """What Ctrl-C in a terminal does: SIGINT to the whole group in the foreground."""
        os.killpg(self.process.pid, signal.SIGINT)

    def wait_until_ended(self, started: Collection[psutil.Process] = ()) -> Finished:
        """The end of every process that carries the mark, and of all that `started`."""
        wait_until(
            lambda: not self.marked() and not any(map(is_alive, started)),
            "the end of all it started",
            STOP_DEADLINE_S,
            found=self._describe_marked,
        )
        return Finished(self.process.wait(), self.said())

    def _describe_marked(self) -> str:
        return str([(process.pid, process.status(), process.cmdline()[:6]) for process in self.marked()])

    def clear_up(self) -> None:
        for process in self.marked():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait()

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return is_alive(process) and process.environ().get(MARK) == self.mark
        except psutil.Error:
            return False


def _heed_hang_up() -> None:
    """A demo as a person starts it in a terminal, also where the tests themselves run under `nohup`."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def is_alive(process: psutil.Process) -> bool:
    """A zombie has ended; only nobody asked for its exit code yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def running(var: Path, **options: object) -> Iterator[DemoProcess]:
    """A demo that is cleared away at the end, however the test went."""
    demo = DemoProcess(var, **options)  # type: ignore[arg-type]
    try:
        yield demo
    finally:
        demo.clear_up()


def launcher(python: str = sys.executable) -> list[str]:
    return [python, "-m", "recsite.onemachine", "--items", "240", "--readers", "0"]


def refused(var: Path, **options: object) -> Finished:
    """What a demo that cannot start says, and its exit code."""
    with running(var, **options) as demo:
        wait_until(lambda: demo.process.poll() is not None, "a demo that gives up", START_DEADLINE_S)
        return Finished(demo.process.returncode, demo.said())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
