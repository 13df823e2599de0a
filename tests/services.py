"""pytest plugin: a PostgreSQL and a Redis of this test run's own, unless DATABASE_URL and REDIS_URL name others.

Loaded by `-p tests.services` in pyproject.toml, because the settings must find their environment before pytest-django
loads them. The servers start once tests were collected and stop when pytest ends, Ctrl-C included; should pytest be
killed, they end with it. Under pytest-xdist each worker has servers of its own and the controller none.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
from pathlib import Path

import pytest

from recsite.onemachine import postgres
from recsite.onemachine.account import server_account
from recsite.onemachine.services import LocalServices
from recsite.onemachine.sockets import PATH_MAX_BYTES

_CHOSEN_BY = "RECSITE_TESTS_PID"
"""Which pytest process chose the servers: a worker of xdist inherits its controller's choice and must make its own."""

_SERVICES = ("DATABASE_URL", "REDIS_URL")
_others_services = _CHOSEN_BY not in os.environ and all(name in os.environ for name in _SERVICES)
_environment_before = {
    name: value
    for name, value in os.environ.items()
    if _CHOSEN_BY not in os.environ or name not in {_CHOSEN_BY, *_SERVICES, "VAR_DIR"}
}

for _library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    # Two processes of tests, each with as many threads as there are cores, wait for each other at every small step.
    os.environ.setdefault(_library, "1")


def environment_before() -> dict[str, str]:
    """The environment as it was before this plugin: for tests that start the whole site by itself."""
    return {name: value for name, value in _environment_before.items() if name not in _SERVICES}


def _fresh_folder() -> Path:
    """A folder with room for a socket's path, which the account of the server can enter."""
    folder = Path(tempfile.mkdtemp(prefix="recsite-tests-"))
    if len(bytes(folder / "postgres" / "run" / ".s.PGSQL.5432")) > PATH_MAX_BYTES:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="recsite-tests-", dir="/tmp"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if not server_account(folder / "postgres" / "data").is_ours:
        folder.chmod(0o711)
    return folder


class _Services:
    """The servers of this process: their addresses are known from the start, because the settings need them then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: LocalServices | None = None
        planned = LocalServices(folder)
        self.database_url = planned.database_url
        self.redis_url = planned.redis_url

    def start(self, postgres_major: int) -> None:
        self._running = LocalServices(self._folder, postgres_major=postgres_major)
        self._running.start()

    @property
    def running(self) -> LocalServices | None:
        return self._running

    def stop(self) -> None:
        if self._running is not None:
            self._running.stop()
            self._running = None


def _choose() -> _Services | None:
    """Set what the settings will read; a value that is already there is respected."""
    folder = _fresh_folder()
    os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(50))
    os.environ.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1,testserver")
    os.environ.setdefault("HTTPS", "0")
    os.environ.setdefault("RELEASE_POLL_S", "0")  # no thread beside the tests holds a connection to their database
    os.environ["VAR_DIR"] = str(folder / "var")
    (folder / "var" / "static").mkdir(parents=True)
    if _others_services:
        return None
    services = _Services(folder)
    os.environ[_CHOSEN_BY] = str(os.getpid())
    os.environ["DATABASE_URL"] = services.database_url
    os.environ["REDIS_URL"] = services.redis_url
    return services


_services = _choose()


def own_servers() -> LocalServices | None:
    """Those of this test run, for tests that stop one and start it again; None where the environment named others."""
    return None if _services is None else _services.running


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--postgres",
        type=int,
        choices=postgres.MAJORS,
        default=postgres.MAJORS[-1],
        help="which PostgreSQL of the wheel (default: the newest); no matter with DATABASE_URL and REDIS_URL",
    )


def pytest_report_header(config: pytest.Config) -> str:
    if _services is None:
        return "services: those of DATABASE_URL and REDIS_URL"
    return f"services: PostgreSQL {config.getoption('postgres')} and Redis, their own"


def pytest_collection_finish(session: pytest.Session) -> None:
    if _services is not None and session.items and not session.config.option.collectonly:
        _services.start(session.config.getoption("postgres"))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    if _services is not None:
        _services.stop()
