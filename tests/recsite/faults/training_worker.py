"""A Celery worker that trains, in processes of its own, to be killed."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
from django.conf import settings

from recsite.celery import app
from recsite.models import TrainingRun
from recsite.onemachine.processes import end_group
from recsite.tasks import retrain_retriever
from tests.recsite.faults.web import environment
from tests.waiting import wait_until

_START_DEADLINE_S = 300
"""It imports all that trains, on a machine that other tests keep busy."""

QUICK = "tests.recsite.faults.quick_worker"
"""Has a worker train in no time."""


class TrainingWorker:
    def __init__(self, folder: Path, *, processes: int = 1, include: Sequence[str] = ()) -> None:
        """include: modules that it imports beside those of the demo's worker."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._count = folder, processes
        self._queue = f"training-{secrets.token_hex(4)}"  # what a test before left in its own is not done here
        self._included = ",".join(("recsite.onemachine.celery_hooks", *include))
        self.start()

    def start(self) -> None:
        """Returns at once; jobs wait for it."""
        options = ["--queues", self._queue, "--concurrency", str(self._count), "--include", self._included]
        with (self._folder / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "celery", "-A", "recsite.celery", "worker", *options),
                    *("--without-mingle", "--without-gossip", "--without-heartbeat"),
                ],
                cwd=settings.BASE_DIR,
                env=environment(self._folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        end_group(self._process, stop_signal=signal.SIGKILL)

    def train(self) -> TrainingRun:
        """Ask for a training, and return its row once it has begun."""
        before = TrainingRun.objects.count()
        self.ask()
        has_begun = lambda: TrainingRun.objects.count() > before  # noqa: E731
        wait_until(has_begun, "the training has begun", _START_DEADLINE_S, found=self.log)
        return TrainingRun.objects.order_by("pk").last()  # type: ignore[return-value]

    def ask(self) -> None:
        with app.connection_for_write() as broker:
            retrain_retriever.apply_async(queue=self._queue, connection=broker)

    def kill(self, run: TrainingRun) -> None:
        """The process that trains; the worker forks another one."""
        pid = int(run.process.split()[1])
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not _lives(pid), "it is dead")

    def kill_all(self, _run: TrainingRun) -> None:
        """The worker; the processes of its pool die with it."""
        pool = [child.pid for child in psutil.Process(self._process.pid).children()]
        self._process.kill()
        self._process.wait()
        wait_until(lambda: not any(map(_lives, pool)), "all are dead")

    def log(self) -> str:
        return (self._folder / "worker.log").read_text(errors="replace")[-3_000:]


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
