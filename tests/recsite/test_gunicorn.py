from __future__ import annotations

import runpy
from datetime import datetime
from pathlib import Path

import pytest

from tests.recsite.released import FakeShelf

CONFIG = Path(__file__).parents[2] / "gunicorn.conf.py"


def test_a_worker_loads_the_live_release_before_its_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, done = FakeShelf(), []

    def refresh(*, now: datetime) -> bool:
        done.append(now.tzinfo is not None)
        return True

    monkeypatch.setattr(shelf, "refresh", refresh)
    monkeypatch.setattr("recsite.releases.live.shelf", lambda: shelf)
    runpy.run_path(str(CONFIG))["post_worker_init"](None)
    assert (done, shelf.watched) == ([True], 1)
