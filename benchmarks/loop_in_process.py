"""The real site in this process for one arm: its own database, and the arm's sources. Needs Django to be set up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import httpx
import numpy as np
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections

from benchmarks.loop_arms import Named
from benchmarks.loop_gate import learn_behind_gate
from benchmarks.loop_site import DAY, PATIENCE_S, ArmSite, day_of
from benchmarks.loop_sources import ArmShelf, Scored, Unshown, asks_of
from benchmarks.loop_training import Learned, learn
from recsite.releases.live import serve_from
from recsite.releases.snapshots import take_source_snapshots
from retrieval.candidates import Source
from simulation.in_process import transport_to

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


@dataclass(kw_only=True)
class SiteInProcess(ArmSite):
    """shelf: what it serves from."""

    asking: Asking = field(default_factory=Asking)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.shelf = ArmShelf(asks_of(self.arm, self._scored()), self.unshown)
        serve_from(self.shelf)
        # Requests come one after the other from this thread: its connection is not asked at each whether it is well.
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
        self._transport = transport_to(get_wsgi_application())

    def look(self, moment: datetime) -> None:
        """Serve with what is live now. Raises RuntimeError where that cannot be."""
        self.shelf.refresh(now=moment)
        if self.shelf.trouble:
            raise RuntimeError(f"The site cannot serve with its release: {self.shelf.trouble}")

    def learn(self, *, number: int, since: datetime, now: datetime) -> Learned:
        if self.arm.gated:
            return learn_behind_gate(
                self.arm,
                seed=self.truth.seed,
                number=number,
                since=since,
                day_began=now - DAY,
                now=now,
                folder=self.folder / "files",
                unshown=self.unshown or Unshown(),
            )
        return learn(
            self.arm,
            seed=self.truth.seed,
            number=number,
            since=since,
            now=now,
            folder=self.folder / "files",
            unshown=self.unshown or Unshown(),
        )

    def keep_all(self) -> Unshown:
        everything = Unshown(most=None)
        self.shelf.keep_in(everything)
        return everything

    def _client(self) -> httpx.Client:
        transport = _As(self._transport, self.asking, len(self.clients))
        return httpx.Client(transport=transport, base_url=ADDRESS, timeout=PATIENCE_S)

    def _count(self, moment: datetime) -> None:
        take_source_snapshots(now=moment)
        self.look(moment)

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
