"""The programs of a demo, and in which order they stop: the site at once and first, then Redis, PostgreSQL last."""

from __future__ import annotations

import signal
import sys

from recsite.onemachine.postgres import LocalPostgres
from recsite.onemachine.redis_server import LocalRedis
from recsite.onemachine.supervision import Program
from recsite.onemachine.tether import tethered

SITE = "site"
"""The group of everything that needs the servers."""

WEB = "web"

HOST = "127.0.0.1"
WEB_PROCESSES = 2
WEB_THREADS = 4
_POSTGRES, _REDIS, _SITE = 10, 20, 30


def postgres_program(server: LocalPostgres) -> Program:
    return Program("postgres", server.command(), _POSTGRES, signal.SIGINT, stop_wait_s=4)


def redis_program(server: LocalRedis) -> Program:
    return Program("redis", server.command(), _REDIS, signal.SIGTERM, stop_wait_s=2)


def site_programs(port: int) -> list[Program]:
    web = [
        *("gunicorn", "recsite.wsgi", "--bind", f"{HOST}:{port}", "--no-control-socket", "--worker-class", "gthread"),
        *("--workers", str(WEB_PROCESSES), "--threads", str(WEB_THREADS), "--graceful-timeout", "2", "--preload"),
    ]
    return [
        _site_program(WEB, web, signal.SIGTERM),
        _site_program("worker", _worker("default", processes=2), signal.SIGQUIT),
        _site_program("training", _worker("training", processes=1), signal.SIGQUIT),
        _site_program("beat", ["celery", "-A", "recsite.celery", "beat", "--pidfile", ""], signal.SIGTERM),
    ]


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


def _site_program(name: str, module_and_arguments: list[str], stop_signal: signal.Signals) -> Program:
    # The supervisor died without stopping us, and Redis goes at the same moment: a worker that then tries to end in
    # order waits for a broker that is gone, with nobody left to lose patience.
    command = tethered([sys.executable, "-m", *module_and_arguments], death_signal=signal.SIGKILL)
    return Program(name, command, _SITE, stop_signal, stop_wait_s=4, group=SITE)
