"""The programs of an arm that is played over HTTP: its site under gunicorn, and a Celery worker."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from typing import Any

import httpx

from benchmarks.loop_arms import Arm, Named
from benchmarks.report import ROOT
from recsite.celery import app
from recsite.onemachine.processes import end_group, wait_for
from recsite.onemachine.tether import tethered

START_DEADLINE_S = 240
STOP_PATIENCE_S = 10
HOST = "127.0.0.1"
_TELLING = {"LOG_LEVEL": "INFO"}
"""Each task, and what came of it: they are few."""


def why_not_over_http(arms: Sequence[Arm]) -> str:
    """The reasons for those that only one process can play, and what to do; "" where all can be played."""
    refused = [f"  {arm.key}: {why}" for arm in arms if (why := _why_not(arm))]
    cure = "Only one process can play these arms. Name others (--arms), or play them there (--over process)."
    return "\n".join([cure, *refused]) if refused else ""


def _why_not(arm: Arm) -> str:
    if arm.named in {Named.TRUTH, Named.RANDOM}:
        return "its scores come from whoever plays the readers, and reach the site within a process only"
    if arm.needs_unshown:
        return "the candidates that its pages did not show are kept in the memory of the site's process"
    if arm.gated:
        return "its releases are held against the gate where its rounds are played"
    return ""


class Programs:
    """Settings are those of the environment. What they say goes where this process says it."""

    def __init__(self, arm: Arm) -> None:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self._port = int(probe.getsockname()[1])
        self._arm = arm
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self._port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        """Both, until the block ends; then nobody is connected to their database. Raises RuntimeError where one does
        not start."""
        # What an earlier worker was sent and did not finish is nothing to this one.
        with app.connection_for_write() as broker:
            broker.default_channel.client.flushdb()
        with ExitStack() as stack:
            self._running = {"site": self._site(), "worker": self._worker()}
            for process in self._running.values():
                stack.callback(end_group, process, stop_signal=signal.SIGTERM, patience_s=STOP_PATIENCE_S)
            if not wait_for(lambda: self._answers() or bool(self._ended()), deadline_s=START_DEADLINE_S):
                raise RuntimeError(f"The site at {self.address} did not answer for {START_DEADLINE_S} s.")
            self._require_running()
            yield

    def done(self, task: Any, *args: Any, **kwargs: Any) -> Any:
        """What a task returns when the worker has done it. Raises RuntimeError where it fails, or a program ends."""
        result = task.apply_async(args, kwargs)
        wait_for(lambda: result.ready() or bool(self._ended()), deadline_s=math.inf)
        self._require_running()
        if result.failed():
            raise RuntimeError(f"{task.name} failed in the worker: {result.traceback}")
        return result.result

    def _ended(self) -> dict[str, int]:
        """Exit statuses of those that do not run any more."""
        codes = {name: process.poll() for name, process in self._running.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def _require_running(self) -> None:
        if ended := self._ended():
            raise RuntimeError(f"Programs of the arm ended, with their exit statuses: {ended}. The log says more.")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/healthz").status_code == HTTPStatus.OK
        except httpx.TransportError:
            return False

    def _site(self) -> subprocess.Popen[bytes]:
        application = f"benchmarks.loop_wsgi:application_of('{self._arm.key}')"
        options = ["--config", "python:benchmarks.loop_gunicorn", "--bind", f"{HOST}:{self._port}"]
        return _start(["gunicorn", application, *options, "--no-control-socket"], signal.SIGTERM)

    def _worker(self) -> subprocess.Popen[bytes]:
        options = ["--include", "benchmarks.loop_celery", "--pool", "solo", "--without-mingle", "--without-gossip"]
        # Redis goes where this process goes: a worker that ended in order would wait for it.
        return _start(["celery", "-A", "recsite.celery", "-q", "worker", *options], signal.SIGKILL, **_TELLING)


def _start(module_and_arguments: list[str], death_signal: signal.Signals, **more: str) -> subprocess.Popen[bytes]:
    """more: of its environment."""
    command = [sys.executable, "-m", *module_and_arguments]
    return subprocess.Popen(
        tethered(command, death_signal=death_signal),
        cwd=ROOT,
        env=os.environ | more,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
