"""What a Celery worker does for an arm that is played over HTTP: it counts, and it trains at night.

For workers of the site's own application, `--include`d; arguments and results are plain JSON values.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.loop_arms import ARMS
from benchmarks.loop_sources import Unshown
from benchmarks.loop_training import learn
from recsite.celery import app
from recsite.releases.snapshots import take_source_snapshots


@app.task
def count(moment: str) -> str:
    """Take the snapshots of this moment, an ISO time. Returns their id."""
    return take_source_snapshots(now=datetime.fromisoformat(moment)).isoformat()


@app.task
def learn_round(*, arm: str, seed: int, number: int, since: str, now: str, folder: str) -> dict[str, Any]:
    """As `learn`, of an arm that needs to know of no candidates that were not shown. since, now: ISO times.

    Returns the key of its release, and its report.
    """
    learned = learn(
        ARMS[arm],
        seed=seed,
        number=number,
        since=datetime.fromisoformat(since),
        now=datetime.fromisoformat(now),
        folder=Path(folder),
        unshown=Unshown(),
    )
    return {"release": learned.release.pk, "report": learned.report}
