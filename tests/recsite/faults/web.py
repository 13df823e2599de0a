"""A web server on the test's own database, and readers who keep coming."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import httpx
import psutil
from django.conf import settings

from feedback.models import Slate
from recsite import clock
from recsite.onemachine.processes import end_group
from tests.addresses import free_port, url_of_test_database
from tests.services import environment_before
from tests.waiting import wait_until

_PATIENCE_S = 60
_PAUSE_S = 0.5
"""Between a reader's pages: the test itself needs the processor too."""


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Of any process of the site under test: the settings of the test, as the outside has them, and `more`."""
    known = {
        "DJANGO_SETTINGS_MODULE": "tests.recsite.faults.site_settings",
        "DATABASE_URL": url_of_test_database(),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "ALLOWED_HOSTS": "127.0.0.1",
        "HTTPS": "0",
        "SIMULATION": "1",
        "LOG_LEVEL": "WARNING",
        "VAR_DIR": str(folder),
        "ARTEFACT_URL": settings.ARTEFACT_URL,
        "ARTEFACT_CACHE": str(settings.ARTEFACT_CACHE),
        "RELEASE_POLL_S": "1",
        "GATE_READERS": str(settings.GATE_READERS),
        "GATE_POSITIVES": str(settings.GATE_POSITIVES),
        # A machine that is busy with tests says nothing about how long an answer takes.
        "GATE_LIMITS": "latency_p99_ms=1000000",
        "TRAINING_SIZE": "small",
        "OMP_NUM_THREADS": "1",
    }
    return environment_before() | known | more


@dataclass
class Answers:
    """What readers got. wrong: of all that was no page, in words."""

    pages: int = 0
    wrong: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, error: str = "") -> None:
        with self._lock:
            self.pages += not error
            self.wrong += [error] if error else []


class Web:
    """gunicorn as the demo starts it."""

    def __init__(self, folder: Path, processes: int, **more: str) -> None:
        self._count = processes
        self.address = f"http://127.0.0.1:{free_port()}"
        self._log = folder / "web.log"
        command = [sys.executable, "-m", "gunicorn", "recsite.wsgi", "--bind", self.address.removeprefix("http://")]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--workers", str(processes), "--no-control-socket", "--preload"],
                cwd=settings.BASE_DIR,
                env=environment(folder, **more),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        end_group(self._process, stop_signal=signal.SIGKILL)

    def wait_ready(self) -> None:
        """Every process has looked what is live."""
        wait_until(lambda: len(self.processes()) == self._count and self._answers(), "web processes", found=self.log)

    def processes(self) -> set[int]:
        return {child.pid for child in psutil.Process(self._process.pid).children()}

    def replace_processes(self) -> None:
        """Others take their place, which know of nothing."""
        before = self.processes()
        self._process.send_signal(signal.SIGHUP)
        wait_until(lambda: not before & self.processes() and len(self.processes()) == self._count, "new processes")

    def get(
        self, path: str = "/", *, now: datetime | None = None, client: httpx.Client | None = None
    ) -> httpx.Response:
        headers = {} if now is None else {clock.HEADER: clock.sign(now)}
        with ExitStack() as stack:
            asking = client or stack.enter_context(self.client())
            return asking.get(path, headers=headers)

    def client(self) -> httpx.Client:
        """Somebody with a cookie jar, and a new connection for each page."""
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(base_url=self.address, limits=limits, timeout=_PATIENCE_S, verify=False)  # noqa: S501 - no TLS here

    def log(self) -> str:
        return self._log.read_text(errors="replace")[-3_000:]

    @contextmanager
    def readers(self, count: int = 1) -> Iterator[Answers]:
        """So many who open the front page again and again, as somebody new each time, until the block ends.

        Then every answer must have been a page.
        """
        answers, over = Answers(), threading.Event()
        threads = [threading.Thread(target=self._read, args=(answers, over), daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: answers.pages or answers.wrong, "a first page", found=self.log)
            yield answers
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert not answers.wrong, f"{answers.wrong[:3]} of {answers.pages}\n{self.log()}"

    def _read(self, answers: Answers, over: threading.Event) -> None:
        while not over.is_set():
            answers.add(self._what_is_wrong())
            over.wait(_PAUSE_S)

    def _what_is_wrong(self) -> str:
        """By the plainest client: fifty readers at once shall keep the site busy, not the test."""
        connection = HTTPConnection(self.address.removeprefix("http://"), timeout=_PATIENCE_S)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, HTTPException) as error:
            return repr(error)
        finally:
            connection.close()
        return "" if answer.status == 200 else f"{answer.status} {text[:300]}"

    def _answers(self) -> bool:
        try:
            return self.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def serving(folder: Path, *, processes: int = 1, **more: str) -> Iterator[Web]:
    """more: of the environment."""
    folder.mkdir(parents=True, exist_ok=True)
    web = Web(folder, processes, **more)
    try:
        web.wait_ready()
        yield web
    finally:
        web.stop()


Served = tuple[int | None, str | None]
"""Which release made a slate, and why not the live one."""


def served(web: Web, *, now: datetime | None = None) -> Served:
    """By what the next page is made, for somebody new."""
    with web.client() as somebody:
        answer = web.get(client=somebody, now=now)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text[:300]}\n{web.log()}"
        hers = uuid.UUID(somebody.cookies[settings.READER_COOKIE].strip('"').partition(":")[0])
    made: Served = Slate.objects.values_list("release", "fallback").get(reader_public_id=hers)
    return made


def wait_served(web: Web, expected: Served) -> None:
    found: list[Served] = []

    def is_so() -> bool:
        found.append(served(web))
        return found[-1] == expected

    wait_until(is_so, f"a page by {expected}", found=lambda: f"But {found[-1]}.\n{web.log()}")
