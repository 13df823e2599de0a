"""Running `benchmarks.feed_client`: so many pages, or pages for as long as something else goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.report import ROOT

WITHOUT_END = 10_000_000


@dataclass
class UnderWay:
    """pages: filled when the block ends."""

    pages: list[tuple[float, float]] = field(default_factory=list)


def ask(port: int, cookies: Path, connections: int, pages: int) -> list[tuple[float, float]]:
    """Of each page when it was asked for, in seconds of the machine's monotonic clock, and its milliseconds.

    Raises RuntimeError where one was not answered with cards.
    """
    done = subprocess.run(
        _command(port, cookies, connections, pages), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    answered = _read(done.stdout)
    if len(answered) != pages:
        raise RuntimeError(f"Only {len(answered)} of {pages} pages were answered.")
    return answered


@contextmanager
def asking(port: int, cookies: Path, connections: int) -> Iterator[UnderWay]:
    """Ask without a pause while the block runs. Raises RuntimeError where a page was not answered with cards."""
    command = _command(port, cookies, connections, WITHOUT_END)
    under_way = UnderWay()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as client:
        try:
            yield under_way
        finally:
            ended_by_itself = client.poll() is not None
            client.send_signal(signal.SIGINT)
            said, _ = client.communicate(timeout=120)
    if ended_by_itself:
        raise RuntimeError("A page was not answered.")
    under_way.pages += _read(said)


def _command(port: int, cookies: Path, connections: int, pages: int) -> list[str]:
    options = [str(port), str(connections), str(pages), str(cookies)]
    return [sys.executable, "-m", "benchmarks.feed_client", *options]


def _read(said: str) -> list[tuple[float, float]]:
    return [(at, ms) for at, ms in json.loads(said.splitlines()[-1])]
