"""The real site in this process for one arm: its own database, the arm's sources, and readers who ask it in
simulated time. Needs Django to be set up."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connections

from benchmarks.loop_arms import Arm, Named
from benchmarks.loop_measures import TruthOfSite
from benchmarks.loop_sources import ArmShelf, Scored, Unshown, asks_of
from recsite.management.commands.simulate import clock_key
from recsite.releases.live import serve_from
from recsite.releases.snapshots import take_source_snapshots
from retrieval.candidates import Source
from simulation.clocks import SignedClock
from simulation.in_process import transport_to
from simulation.readers import SimulatedReader, draw_reader

COUNTED_EVERY = timedelta(hours=3)
"""Of simulated time: the snapshots that a job of the site takes every few minutes."""
ADDRESS = "http://127.0.0.1"


@dataclass
class Asking:
    """Who asks: one request is made at a time. number: of the reader."""

    number: int = -1


class _As(httpx.BaseTransport):
    """Says who asks, and passes on."""

    def __init__(self, inner: httpx.BaseTransport, asking: Asking, number: int) -> None:
        self._inner, self._asking, self._number = inner, asking, number

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._asking.number = self._number
        return self._inner.handle_request(request)


@dataclass
class ArmSite:
    """One arm's site. shelf: what it serves from.  clients: of the readers, in their order."""

    arm: Arm
    truth: TruthOfSite
    folder: Path
    unshown: Unshown | None
    priors: dict[int, np.ndarray] = field(default_factory=dict)
    asking: Asking = field(default_factory=Asking)
    clients: list[httpx.Client] = field(default_factory=list)
    _next_count: datetime | None = None
    _readers: list[SimulatedReader] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shelf = ArmShelf(asks_of(self.arm, self._scored(), self.priors), self.unshown)
        serve_from(self.shelf)
        # Requests come one after the other from this thread: its connection is not asked at each whether it is well.
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
        self._transport = transport_to(get_wsgi_application())
        self._plain = SignedClock(clock_key())

    # --- what `simulation.run.Run` wants ---

    def connect(self) -> httpx.Client:
        """Of the next reader."""
        transport = _As(self._transport, self.asking, len(self.clients))
        client = httpx.Client(transport=transport, base_url=ADDRESS, timeout=60)
        self.clients.append(client)
        return client

    def headers(self, moment: datetime) -> dict[str, str]:
        """The clock's; where simulated time has moved on, what is popular is counted first."""
        if self._next_count is None or moment >= self._next_count:
            self.count(moment)
        return self._plain.headers(moment)

    # --- what a round wants ---

    def count(self, moment: datetime) -> None:
        """Take the snapshots of this moment, and serve with them."""
        take_source_snapshots(now=moment)
        self.look(moment)
        self._next_count = moment + COUNTED_EVERY

    def look(self, moment: datetime) -> None:
        """Serve with what is live now. Raises RuntimeError where that cannot be."""
        self.shelf.refresh(now=moment)
        if self.shelf.trouble:
            raise RuntimeError(f"The site cannot serve with its release: {self.shelf.trouble}")

    def keep_all(self) -> Unshown:
        """From now on every candidate of every page, apart from what was kept before."""
        everything = Unshown(most=None)
        self.shelf.keep_in(everything)
        return everything

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

    def _scored(self) -> Source | None:
        """The ends of the scale."""
        scores: dict[Named, Callable[[datetime], np.ndarray]] = {Named.TRUTH: self._true, Named.RANDOM: self._random}
        if self.arm.named not in scores:
            return None
        return Scored(self.truth.item_ids, self.truth.published_s, scores[self.arm.named])

    def _true(self, moment: datetime) -> np.ndarray:
        return self.truth.utilities(self.reader(self.asking.number), day_of(moment))

    def _random(self, moment: datetime) -> np.ndarray:
        rng = np.random.default_rng([self.truth.seed, self.asking.number, round(moment.timestamp() * 1e6)])
        return rng.random(len(self.truth.items))


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
