"""The real site under gunicorn, as the one-machine demo and a production site start it, and what its processes hold."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

from benchmarks.report import ROOT

WORKERS, THREADS = 2, 4
START_DEADLINE_S = 240
TRAINED_UNTIL = "recsite_release_trained_until_seconds"
"""The gauge by which a process says which release it serves with."""
ITEMS = "recsite_release_items"
"""The gauge by which it says how many items that can find."""

_KIB_A_MIB = 1024
_PEAK = "5\n"
"""What `clear_refs` takes for: forget the peak (proc(5))."""


@dataclass(frozen=True)
class Web:
    """port: where it listens.  pid: of gunicorn's master.  metrics: the folder of its processes' numbers."""

    port: int
    pid: int
    metrics: Path

    def workers(self) -> list[int]:
        """Ids of the processes that answer."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def gauges(self, name: str) -> list[float | None]:
        """What each worker last said of itself by this gauge; None for one that never did."""
        return [self._gauge(pid, name) for pid in self.workers()]

    def all_say(self, name: str, value: float) -> Callable[[], bool]:
        return lambda: all(said == value for said in self.gauges(name))

    def _gauge(self, pid: int, name: str) -> float | None:
        path = self.metrics / f"gauge_livemin_{pid}.db"
        if not path.exists():
            return None
        values = MmapedDict.read_all_values_from_file(str(path))
        return next((value for key, value, *_ in values if f'"{name}"' in key), None)


@contextmanager
def web(folder: Path) -> Iterator[Web]:
    """Running and answering until the block ends. folder: has no folder `metrics` yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    metrics = folder / "metrics"
    metrics.mkdir()
    environment = os.environ | {"HTTPS": "0", "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    command = [sys.executable, "-m", "gunicorn", "recsite.wsgi", "--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--workers", str(WORKERS), "--threads", str(THREADS), "--preload"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_ready(port, process, folder / "web.log")
        yield Web(port, process.pid, metrics)
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_until(holds: Callable[[], bool], what: str, *, deadline_s: float = START_DEADLINE_S) -> float:
    """Seconds until it did. Raises RuntimeError where it does not before the deadline."""
    begun = time.perf_counter()
    while not holds():
        if time.perf_counter() - begun > deadline_s:
            raise RuntimeError(f"Waited {deadline_s:.0f} s in vain for this: {what}.")
        time.sleep(0.01)
    return time.perf_counter() - begun


def resident_mib(pid: int) -> float:
    """What of a process is in memory, shared pages too."""
    return _status(pid, "VmRSS") / _KIB_A_MIB


def forget_peak(pid: int) -> None:
    """From now on `peak_mib` is of what follows."""
    Path(f"/proc/{pid}/clear_refs").write_text(_PEAK)


def peak_mib(pid: int) -> float:
    """The most that was in memory at once."""
    return _status(pid, "VmHWM") / _KIB_A_MIB


def own_mib(pid: int) -> float:
    """What of a process is in memory, a page that several share counted in parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / _KIB_A_MIB


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    last_moment = time.monotonic() + START_DEADLINE_S
    while process.poll() is None and time.monotonic() < last_moment:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"The site does not answer: {log.read_text(errors='replace')[-2_000:]}")
