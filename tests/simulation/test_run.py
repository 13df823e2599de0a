"""A run from day to day: what it keeps, and that nobody's visits meet. What readers do is tested on the real site."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulation import run as run_module
from simulation.browser import Steps
from simulation.clocks import SignedClock
from simulation.run import IDLE, OtherRun, Run, RunOptions, first_day
from simulation.visit import Told
from simulation.worlds import load_world

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def client() -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)), base_url="http://site")


def run(folder: Path, *, days: int, began: datetime = MIDNIGHT) -> Run:
    options = RunOptions(1, load_world("default"), 1, days, began, folder)
    return Run(options, items=[], connect=client, clock=SignedClock("00" * 32))


def test_a_folder_without_a_run_has_no_first_day(tmp_path: Path) -> None:
    assert first_day(tmp_path) is None


def test_the_first_day_is_known_before_it_is_over(tmp_path: Path) -> None:
    """Else a run that was cut off on it would begin anew on another day."""
    assert list(run(tmp_path / "new", days=0).days()) == []
    assert first_day(tmp_path / "new") == MIDNIGHT
    assert run(tmp_path / "new", days=2).next_day == 0
    with pytest.raises(OtherRun, match="holds another run"):
        run(tmp_path / "new", days=2, began=MIDNIGHT + DAY)


def test_what_begins_after_midnight_begins_after_what_ended_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the run was stopped between the two days."""

    def visit_times(_seed: int, _person: object, day: int, begins_at: datetime) -> list[datetime]:
        return [begins_at + timedelta(hours=23, minutes=15) if day == 0 else begins_at + MINUTE]

    def visit_of(*, day: int, number: int, now: datetime, **_rest: Any) -> Steps[Told]:
        moment = yield now
        return Told("somebody", day, number, moment, moment + 48 * MINUTE)

    monkeypatch.setattr(run_module, "visit_times", visit_times)
    monkeypatch.setattr(run_module, "visit_of", visit_of)

    def idle(days: Callable[[], list[list[Told]]]) -> timedelta:
        (first,), (second,) = days()
        return second.began - first.ended

    assert idle(lambda: list(run(tmp_path / "once", days=2).days())) == IDLE
    assert idle(lambda: [*run(tmp_path / "twice", days=1).days(), *run(tmp_path / "twice", days=2).days()]) == IDLE
