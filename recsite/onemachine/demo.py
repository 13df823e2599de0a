"""One start of the demo, from an empty folder or a used one to the end that somebody asks for."""

from __future__ import annotations

import http.client
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recsite.onemachine import catalogue_source, postgres, redis_server
from recsite.onemachine.catalogue_source import CatalogueSource
from recsite.onemachine.errors import CannotStart, StepFailed, StopAsked
from recsite.onemachine.postgres import LocalPostgres
from recsite.onemachine.processes import Interrupted, last_line, run_step, wait_for
from recsite.onemachine.programs import (
    AUDIENCE,
    HOST,
    SITE,
    WEB,
    audience_program,
    postgres_program,
    redis_program,
    site_programs,
)
from recsite.onemachine.redis_server import LocalRedis
from recsite.onemachine.stopping import StopRequest
from recsite.onemachine.supervision import Folders, Program, Supervisor
from recsite.onemachine.var_folder import VarFolder

SERVER_DEADLINE_S = 60
"""PostgreSQL may have a crash to recover from."""
SITE_DEADLINE_S = 120


@dataclass(frozen=True)
class DemoOptions:
    """What the settings and the command line say. A given address means: use that server and start none.

    audience: how many made-up readers use the site.
    """

    base: Path
    var: Path
    port: int
    data: Path | None
    items: int | None
    readers: int | None
    audience: int
    given_database_url: str | None
    given_redis_url: str | None


class Demo:
    """Checks everything that can be checked when built, and raises CannotStart; `run` starts things."""

    def __init__(self, options: DemoOptions, stop: StopRequest) -> None:
        self._options = options
        self._stop = stop
        self._address = f"http://{HOST}:{options.port}/"
        self._source = (
            catalogue_source.given(options.data)
            if options.data
            else catalogue_source.synthetic(options.var / "world", items=options.items, readers=options.readers)
        )
        self._var = VarFolder(options.var)
        self._lock = self._var.lock(f"{self._address}, process {os.getpid()}")
        _require_free_port(options.port)
        self._require_same_catalogue()
        self._postgres = None if options.given_database_url else postgres.place(options.var / "postgres")
        self._redis = None if options.given_redis_url else redis_server.place(options.var / "redis")
        self._folders = Folders(run=self._var.run, log=self._var.log, work=options.base)
        self._supervisor = Supervisor(self._programs(), self._folders)

    def run(self) -> None:
        """Start, serve until somebody asks for the end, stop. Raises CannotStart or StopAsked once nothing runs."""
        try:
            self._start_servers()
            has_release = self._fill()
            self._start_site()
            self._announce()
            if self._source.has_history and not has_release:
                self._make_first_release()
            self._invite_audience()
            self._serve()
        finally:
            self._supervisor.stop()

    def _programs(self) -> list[Program]:
        supervisor, options = self._folders.supervisor_pid, self._options
        programs = site_programs(options.port, supervisor)
        if self._audience:
            programs.append(audience_program(options.port, self._audience, supervisor))
        if self._postgres:
            programs.append(postgres_program(self._postgres, supervisor))
        if self._redis:
            programs.append(redis_program(self._redis, supervisor))
        return programs

    def _start_servers(self) -> None:
        self._var.forget_old_metrics()
        self._var.write_environment({"DATABASE_URL": self._database_url(), "REDIS_URL": self._redis_url()})
        if self._postgres:
            _say(f"Starting PostgreSQL {self._postgres.major} in {self._postgres.home}")
            postgres.initialise(self._postgres, interrupted=self._stop.asked)
        if self._redis:
            _say(f"Starting Redis in {self._redis.folder}")
        self._supervisor.start(lock_fd=self._lock, interrupted=self._stop.asked)
        self._wait_for_servers(self._postgres, self._redis)

    def _wait_for_servers(self, database: LocalPostgres | None, broker: LocalRedis | None) -> None:
        if database:
            if not wait_for(database.answers, deadline_s=SERVER_DEADLINE_S, interrupted=self._stop.asked):
                raise self._silent("PostgreSQL", "postgres")
            database.ensure_database()
        if broker and not wait_for(broker.answers, deadline_s=SERVER_DEADLINE_S, interrupted=self._stop.asked):
            raise self._silent("Redis", "redis")

    def _fill(self) -> bool:
        """Fill an empty database. Returns whether the site has a release already."""
        prepare = f"filling.prepare({str(self._var.staff_login)!r})"
        printed = self._run_code(prepare, "Preparing the database", log="prepare")
        items, release = map(int, printed.split()[-2:])
        if items == 0 or self._unfinished_fill.exists():
            self._fill_catalogue(self._source)
        return release != 0

    def _fill_catalogue(self, source: CatalogueSource) -> None:
        _say(f"Filling the catalogue ({source.name})")
        self._unfinished_fill.touch()
        self._filled_from.write_text(f"{source.name}\n")
        for command in source.commands:
            self._run_step(command, "Filling the catalogue", log=None)
        if source.has_history:
            self._run_code("filling.take_stock()", "Counting the history", log="counts")
        self._unfinished_fill.unlink()

    def _run_code(self, call: str, name: str, *, log: str) -> str:
        """Call something of `filling`, which needs Django. Returns what it printed, which that log keeps."""
        code = f"from recsite.onemachine import filling; {call}"
        shell = [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", code]
        return self._run_step(shell, name, log=self._var.log / f"{log}.log")

    def _run_step(
        self,
        command: list[str],
        name: str,
        *,
        log: Path | None,
        tell: Callable[[str], None] | None = None,
        interrupted: Interrupted | None = None,
    ) -> str:
        asked = interrupted or self._stop.asked
        return run_step(command, name, cwd=self._options.base, log=log, interrupted=asked, tell=tell)

    @property
    def _unfinished_fill(self) -> Path:
        """There from the beginning of filling to its end: a start that was interrupted between them fills again."""
        return self._options.var / "filling"

    @property
    def _filled_from(self) -> Path:
        return self._options.var / "catalogue-source"

    @property
    def _audience(self) -> int:
        """How many made-up readers come. None to somebody's own catalogue that an earlier start has filled."""
        if self._options.data is None and self._filled_from.exists():
            return self._options.audience if self._filled_from.read_text().strip() == self._source.name else 0
        return self._options.audience

    def _require_same_catalogue(self) -> None:
        if not self._filled_from.exists() or self._options.data is None:
            return
        before = self._filled_from.read_text().strip()
        if before != self._source.name:
            raise CannotStart(
                f"{self._options.var} already holds another catalogue ({before}). "
                f"Name another folder: make demo DATA={self._options.data} VAR_DIR=..."
            )

    def _start_site(self) -> None:
        """The web processes first: a reader waits for them, and nobody waits for the workers."""
        self._supervisor.start_program(SITE, WEB)
        ready = wait_for(
            lambda: self._answers_ok("/readyz") and self._answers_ok("/"),
            deadline_s=SITE_DEADLINE_S,
            interrupted=self._stop.asked,
        )
        if not ready:
            raise self._silent("The site", WEB)
        self._supervisor.start_group(SITE, besides={WEB, AUDIENCE})

    def _answers_ok(self, path: str) -> bool:
        connection = http.client.HTTPConnection(HOST, self._options.port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _announce(self) -> None:
        name, password = self._var.staff_login.read_text().splitlines()
        _say("")
        _say(f"  Open         {self._address}")
        _say(f"  Staff login  {name}  {password}")
        _say(f"  Logs         {self._var.log}")
        _say("  Stop         Ctrl-C")
        _say("")

    def _make_first_release(self) -> None:
        """Train on the history while the site serves what is popular and new. Come what may, the site runs on."""
        log = self._var.log / "first-release.log"
        _say("Training on the history; until then the feed is what is popular and new")
        try:
            retrain = [sys.executable, "-u", "manage.py", "retrain", "all"]
            self._run_step(retrain, "The first release", log=log, tell=_tell, interrupted=self._is_over)
            asked = self._run_code("filling.tell_live_release()", "Asking for the release", log="release")
        except StopAsked:
            if self._stop.asked():
                raise
            return  # the supervisor has ended, which `_serve` says
        except StepFailed as error:
            _say(f"No personal feed yet. {error}")
            return
        release = int(asked.split()[-1])
        if release:
            _say(f"First personal feed live: release {release} at {self._address}")
        else:
            _say(f"No personal feed yet: {last_line(log)}")

    def _invite_audience(self) -> None:
        """Only now: before the first release, training needs the machine for itself."""
        if self._audience and self._supervisor.is_running():
            self._supervisor.start_program(SITE, AUDIENCE)

    def _is_over(self) -> bool:
        return self._stop.asked() or not self._supervisor.is_running()

    def _serve(self) -> None:
        wait_for(
            lambda: not self._supervisor.is_running(), deadline_s=float("inf"), interrupted=self._stop.asked, poll_s=0.2
        )
        raise CannotStart(
            f"The supervisor has ended. Its log is {self._var.log / 'supervisor.log'}; start again with: make demo"
        )

    def _database_url(self) -> str:
        return self._options.given_database_url or (self._postgres.url() if self._postgres else "")

    def _redis_url(self) -> str:
        return self._options.given_redis_url or (self._redis.url if self._redis else "")

    def _silent(self, what: str, program: str) -> CannotStart:
        log = self._var.log / f"{program}.log"
        return CannotStart(f"{what} does not answer. Its log is {log}, and the last line there: {last_line(log)}")


def _require_free_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise CannotStart(
                f"Port {port} cannot be used ({error.strerror}). "
                f"Stop what uses it, or name another one: make demo PORT={_another(port)}"
            ) from error


def _another(port: int) -> int:
    return port + 1 if 1024 <= port < 65535 else 8080


def _tell(line: str) -> None:
    """Say what a command says; lines of the log, which are JSON objects, are for programs."""
    if line.strip() and not line.startswith("{"):
        _say(f"  {line}")


def _say(line: str) -> None:
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError:
        # Nobody reads any more: a closed terminal, or `make demo | head`. The site runs on all the same. What Python
        # still holds back must go somewhere, or it complains at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
