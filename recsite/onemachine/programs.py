"""The programs of a demo, and in which order they stop: the site at once and first, then Redis, PostgreSQL last.

`supervisor` is the file with its process id: no program runs that another process started.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from recsite.onemachine.postgres import LocalPostgres
from recsite.onemachine.redis_server import LocalRedis
from recsite.onemachine.supervision import Program
from recsite.onemachine.tether import tethered

SITE = "site"
"""The group of everything that needs the servers."""

WEB = "web"
AUDIENCE = "audience"
"""The made-up readers. They wait for a feed that is worth their while, and stop with the site."""

HOST = "127.0.0.1"
WEB_PROCESSES = 2
WEB_THREADS = 4
_POSTGRES, _REDIS, _SITE = 10, 20, 30


def postgres_program(server: LocalPostgres, supervisor: Path) -> Program:
    return Program("postgres", server.command(supervisor), _POSTGRES, signal.SIGINT, stop_wait_s=4)


def redis_program(server: LocalRedis, supervisor: Path) -> Program:
    return Program("redis", server.command(supervisor), _REDIS, signal.SIGTERM, stop_wait_s=2)


def site_programs(port: int, supervisor: Path) -> list[Program]:
    web = [
        *("gunicorn", "recsite.wsgi", "--bind", f"{HOST}:{port}", "--no-control-socket", "--worker-class", "gthread"),
        *("--workers", str(WEB_PROCESSES), "--threads", str(WEB_THREADS), "--graceful-timeout", "2", "--preload"),
    ]
    return [
        _site_program(WEB, web, signal.SIGTERM, supervisor),
        _site_program("worker", _worker("default", processes=2), signal.SIGQUIT, supervisor),
        _site_program("training", _worker("training", processes=1), signal.SIGQUIT, supervisor),
        _site_program("beat", ["celery", "-A", "recsite.celery", "beat", "--pidfile", ""], signal.SIGTERM, supervisor),
    ]


def audience_program(port: int, readers: int, supervisor: Path) -> Program:
    simulate = [sys.executable, "manage.py", "simulate", "--audience"]
    simulate += ["--site", f"http://{HOST}:{port}", "--readers", str(readers)]
    command = tethered(simulate, death_signal=signal.SIGTERM, parent_file=supervisor)
    return Program(AUDIENCE, command, _SITE, signal.SIGTERM, stop_wait_s=4, group=SITE)


def _worker(queue: str, *, processes: int) -> list[str]:
    """A Celery worker. Stopped by SIGQUIT it puts unfinished jobs back into the queue; SIGTERM waits for their end."""
    return [
        *("celery", "-A", "recsite.celery", "worker", "--queues", queue, "--hostname", f"{queue}@%h"),
        *(
            "--concurrency",
            str(processes),
            "--include",
            "recsite.onemachine.celery_hooks",
            "--without-mingle",
            "--without-gossip",
        ),
    ]


def _site_program(name: str, module_and_arguments: list[str], stop_signal: signal.Signals, supervisor: Path) -> Program:
    # The supervisor died without stopping us, and Redis goes at the same moment: a worker that then tries to end in
    # order waits for a broker that is gone, with nobody left to lose patience.
    command = tethered(
        [sys.executable, "-m", *module_and_arguments], death_signal=signal.SIGKILL, parent_file=supervisor
    )
    return Program(name, command, _SITE, stop_signal, stop_wait_s=4, group=SITE)
