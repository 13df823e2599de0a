"""Child processes: one that runs to its end, one that keeps running, and what to say when either fails."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from recsite.onemachine.errors import StepFailed, StopAsked
from recsite.onemachine.tether import tethered

POLL_S = 0.05
_pause = threading.Event()

Interrupted = Callable[[], bool]
"""Tells, whenever asked, whether somebody wants us to stop."""


def never() -> bool:
    return False


def wait_for(
    condition: Callable[[], bool], *, deadline_s: float, interrupted: Interrupted = never, poll_s: float = POLL_S
) -> bool:
    """Whether `condition` came true in time. Raises StopAsked as soon as `interrupted` says so."""
    last_moment = time.monotonic() + deadline_s
    while not condition():
        if interrupted():
            raise StopAsked
        if time.monotonic() > last_moment:
            return False
        _pause.wait(poll_s)
    return True


def run_step(
    command: list[str],
    name: str,
    *,
    cwd: Path,
    log: Path | None,
    interrupted: Interrupted = never,
    tell: Callable[[str], None] | None = None,
) -> str:
    """Run a command to its end and return what it wrote, which `log` keeps. log: None shows it to the person instead.

    `tell` is handed each line of the log as it is written. Raises StepFailed with the command's last words if it fails,
    StopAsked if we are to stop meanwhile.

    The command gets a session of its own: a Ctrl-C in the terminal reaches us alone, and we end it and its children. It
    dies with us, should somebody kill us.
    """
    with open(log, "w+b") if log else nullcontext() as output:
        process = subprocess.Popen(
            tethered(command, death_signal=signal.SIGKILL),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        news = _News(log, tell) if log and tell else None
        try:
            wait_for(lambda: _has_ended(process, news), deadline_s=float("inf"), interrupted=interrupted)
        finally:
            end_group(process)
    if news:
        news.tell()
    if process.returncode != 0:
        raise StepFailed(f"{name} failed: {_reason(process.returncode, log)}")
    return log.read_text(errors="replace") if log else ""


class _News:
    """What is new in a log since the last look, a whole line at a time."""

    def __init__(self, log: Path, tell: Callable[[str], None]) -> None:
        self._log = log
        self._tell = tell
        self._told_bytes = 0

    def tell(self) -> None:
        with self._log.open("rb") as file:
            file.seek(self._told_bytes)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._told_bytes += len(whole) + len(newline)
        for line in whole.decode(errors="replace").splitlines():
            self._tell(line)


def _has_ended(process: subprocess.Popen[bytes], news: _News | None) -> bool:
    if news:
        news.tell()
    return process.poll() is not None


def _reason(code: int, log: Path | None) -> str:
    if log is None:
        return f"see above (code {code})"
    return f"{last_line(log)} (code {code}; all of it is in {log})"


def end_group(
    process: subprocess.Popen[bytes], *, stop_signal: signal.Signals = signal.SIGTERM, patience_s: float = 2
) -> None:
    """End a process that leads its own session, and what it started there: asked first, killed after `patience_s`."""
    if process.poll() is None:
        process.send_signal(stop_signal)
        if not wait_for(lambda: process.poll() is not None, deadline_s=patience_s):
            process.kill()
        process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing"
