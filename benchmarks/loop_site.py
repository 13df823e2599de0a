"""The site of an arm, and readers who ask it in simulated time. Needs Django to be set up."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from django.conf import settings
from django.db import connections

from benchmarks.loop_arms import Arm
from benchmarks.loop_measures import TruthOfSite
from benchmarks.loop_sources import Unshown
from benchmarks.loop_training import Learned
from recsite.management.commands.simulate import clock_key
from simulation.clocks import SignedClock
from simulation.readers import SimulatedReader, draw_reader

COUNTED_EVERY = timedelta(hours=3)
"""Of simulated time: the snapshots that a job of the site takes every few minutes."""
PATIENCE_S = 60


@dataclass
class ArmSite(ABC):
    """One arm's site, wherever it runs. folder: of its piece.  unshown: what its pages did not show, where that is
    kept.  clients: of the readers, in their order."""

    arm: Arm
    truth: TruthOfSite
    folder: Path
    unshown: Unshown | None = None
    clients: list[httpx.Client] = field(default_factory=list)
    _next_count: datetime | None = None
    _readers: list[SimulatedReader] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._plain = SignedClock(clock_key())

    # --- what `simulation.run.Run` wants ---

    def connect(self) -> httpx.Client:
        """Of the next reader."""
        client = self._client()
        self.clients.append(client)
        return client

    def headers(self, moment: datetime) -> dict[str, str]:
        """The clock's; where simulated time has moved on, what is popular is counted first."""
        if self._next_count is None or moment >= self._next_count:
            self.count(moment)
        return self._plain.headers(moment)

    # --- what a round wants ---

    def count(self, moment: datetime) -> None:
        """Take the snapshots of this moment, and serve with them and with what is live now. Raises RuntimeError where
        that cannot be."""
        self._count(moment)
        self._next_count = moment + COUNTED_EVERY

    @abstractmethod
    def learn(self, *, number: int, since: datetime, now: datetime) -> Learned:
        """As `benchmarks.loop_training.learn`, for this arm."""

    @abstractmethod
    def keep_all(self) -> Unshown:
        """From now on every candidate of every page, apart from what was kept before; nothing where nothing is kept."""

    def reader_of(self) -> dict[uuid.UUID, SimulatedReader]:
        """By the public id in their cookie, those who have been there."""
        known = {}
        for number, client in enumerate(self.clients):
            value = client.cookies.get(settings.READER_COOKIE)
            if value:
                known[uuid.UUID(value.partition(":")[0])] = self.reader(number)
        return known

    def reader(self, number: int) -> SimulatedReader:
        while len(self._readers) <= number:
            self._readers.append(draw_reader(self.truth.seed, len(self._readers)))
        return self._readers[number]

    # --- wherever it runs ---

    @abstractmethod
    def _client(self) -> httpx.Client:
        """Of the reader whose number is that of those before."""

    @abstractmethod
    def _count(self, moment: datetime) -> None: ...


BEGAN = datetime.fromisoformat("2026-03-02T00:00:00+00:00")
"""Day 0 of every world."""
DAY = timedelta(days=1)


def day_of(moment: datetime) -> int:
    return (moment - BEGAN) // DAY


def close_connections() -> None:
    """So that the database can be copied."""
    for connection in connections.all():
        connection.close()
        pool = getattr(connection, "close_pool", None)
        if pool is not None:
            pool()
