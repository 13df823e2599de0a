"""Readers in real time, whose clock is here a test's."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from simulation.audience import Audience, AudienceOptions
from simulation.clocks import HEADER
from simulation.worlds import load_world

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAGE = '<body><ol class="feed" id="feed"></ol></body>'


@dataclass
class Life:
    """Time that passes only while somebody waits, and a site that hands out cookies.  over: when all ends."""

    over: datetime
    status: int = 200
    now: datetime = NOON
    visits: list[datetime] = field(default_factory=list)
    newcomers: int = 0
    headers: list[httpx.Headers] = field(default_factory=list)

    def site(self, request: httpx.Request) -> httpx.Response:
        self.headers.append(request.headers)
        if request.url.path == "/":
            self.visits.append(self.now)
        given = {}
        if "reader=" not in request.headers.get("Cookie", ""):
            self.newcomers += 1
            given = {"Set-Cookie": f"reader=r{self.newcomers}; Path=/"}
        return httpx.Response(self.status, text=PAGE, headers=given)

    def wait_until(self, moment: datetime) -> bool:
        self.now = max(self.now, moment)
        return self.now > self.over

    def go_on(self, state: Path, *, readers: int = 10) -> None:
        transport = httpx.MockTransport(self.site)
        options = AudienceOptions(1, load_world("default"), readers, 3.0, state)
        Audience(
            options,
            items=[],
            connect=lambda: httpx.Client(transport=transport, base_url="http://site"),
            now=lambda: self.now,
            wait_until=self.wait_until,
        ).live()


def test_so_many_visits_a_minute_are_made_at_pauses_of_chance(tmp_path: Path) -> None:
    life = Life(over=NOON + timedelta(hours=2))
    life.go_on(tmp_path / "state.json")
    assert len(life.visits) == pytest.approx(3 * 120, rel=0.15)
    assert life.visits == sorted(life.visits)
    assert all(HEADER not in headers for headers in life.headers)


def test_they_are_the_same_visitors_after_a_restart(tmp_path: Path) -> None:
    life = Life(over=NOON + timedelta(hours=1))
    life.go_on(tmp_path / "state.json")
    assert life.newcomers == 10
    life.over += timedelta(hours=1)
    life.go_on(tmp_path / "state.json")
    assert life.newcomers == 10
    assert set(json.loads((tmp_path / "state.json").read_text())) == {f"reader-{n:05}" for n in range(1, 11)}


def test_what_they_kept_may_be_spoilt_without_harm(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text('{"reader-00001": {}}')
    life = Life(over=NOON + timedelta(minutes=20))
    life.go_on(state)
    assert life.visits


def test_a_site_in_trouble_is_left_alone_for_a_while_and_asked_again(tmp_path: Path) -> None:
    life = Life(over=NOON + timedelta(hours=1), status=503)
    life.go_on(tmp_path / "state.json", readers=1)
    assert len(life.visits) > 10
    pauses = [after - before for before, after in pairwise(life.visits)]
    assert min(pauses) >= timedelta(seconds=30)
