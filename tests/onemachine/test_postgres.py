"""The local servers by themselves: both PostgreSQL versions, interrupted beginnings, and their end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from recsite import settings
from recsite.onemachine import postgres
from recsite.onemachine.errors import StopAsked
from recsite.onemachine.services import LocalServices, local_services
from tests.onemachine.demo_process import is_alive
from tests.services import environment_before
from tests.waiting import wait_until


@pytest.mark.parametrize("major", postgres.MAJORS)
def test_every_postgres_of_the_wheel_starts_and_knows_letters_beyond_ascii(major: int, folder: Path) -> None:
    with local_services(folder, postgres_major=major) as services, psycopg.connect(services.database_url) as database:
        row = database.execute("SELECT current_setting('server_version_num')::int / 10000, lower('ÄÉЖ')").fetchone()
        assert row == (major, "äéж")
        assert redis.Redis.from_url(services.redis_url).ping()


def test_data_outlives_a_restart_and_a_kill(folder: Path) -> None:
    services = LocalServices(folder, durable=True)
    services.start()
    with psycopg.connect(services.database_url) as database:
        database.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    redis.Redis.from_url(services.redis_url).set("kept", "42")
    for process in _servers(folder):
        process.kill()
    services.stop()
    with local_services(folder, durable=True) as again, psycopg.connect(again.database_url) as database:
        assert database.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_interrupted_initdb_leaves_nothing_that_the_next_start_trips_over(folder: Path) -> None:
    server = postgres.place(folder / "postgres")
    with pytest.raises(StopAsked):
        postgres.initialise(server, interrupted=(server.home / "data.new" / "base").exists)
    assert not server.data.exists()
    with local_services(folder) as services, psycopg.connect(services.database_url) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)


def test_servers_end_with_a_process_that_was_killed(folder: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from recsite.onemachine.services import LocalServices\n"
        "LocalServices(Path(sys.argv[1])).start(); print('up', flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)],
        cwd=settings.BASE_DIR,
        env=environment_before(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"
    servers = _servers(folder)
    assert len(servers) >= 2
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    wait_until(lambda: not any(is_alive(server) for server in servers), "the end of both servers")


def _servers(folder: Path) -> list[psutil.Process]:
    """The processes that were started with a path in `folder` on their command line."""
    found = []
    for process in psutil.process_iter(["cmdline", "pid"]):
        words = process.info["cmdline"] or []
        if process.pid != os.getpid() and any(f"{folder}/" in word for word in words):
            found.append(process)
    return found
