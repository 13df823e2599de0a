"""A demo from nothing to its first personal feed: world, history, training, gate."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.onemachine.demo_process import Finished, running
from tests.waiting import wait_until

TRAINING_DEADLINE_S = 240
SMALL_WORLD = [sys.executable, "-m", "recsite.onemachine", "--items", "400", "--readers", "120"]


def test_made_up_history_leads_to_a_first_personal_feed(folder: Path) -> None:
    with running(folder / "var", command=SMALL_WORLD) as demo:
        demo.wait_until_served()
        wait_until(lambda: "personal feed" in demo.said(), "an end of the training", TRAINING_DEADLINE_S)
        assert "First personal feed live: release 1" in demo.said()
        with demo.database() as database:
            assert database.execute("SELECT state FROM recsite_release").fetchall() == [("live",)]
            imported = database.execute("SELECT count(*) FROM feedback_interaction WHERE imported_at IS NOT NULL")
            assert imported.fetchone()[0] > 3_000  # type: ignore[index]
        assert demo.get("/") == 200
        demo.interrupt()
        assert demo.wait_until_ended() == Finished(0, demo.said())
