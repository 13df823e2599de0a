"""The main job, once through, on the made-up world and what its readers did before the site opened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.recsite.end_to_end import story
from tests.recsite.end_to_end.story import Site

ITEMS, READERS, DAYS = 1_200, 200, 12


@pytest.fixture
def catalogue(tmp_path: Path) -> tuple[str, Path]:
    world = tmp_path / "world"
    common = ["--out", str(world), "--seed", "1"]
    for command in (["catalogue", *common, "--items", str(ITEMS)],
                    ["history", *common, "--readers", str(READERS), "--days", str(DAYS)]):  # fmt: skip
        subprocess.run([sys.executable, "-m", "simulation", *command], cwd=settings.BASE_DIR, check=True)
    return "jsonl", world / "items.jsonl"


def test_the_main_job_on_the_made_up_world(site: Site) -> None:
    story.play(site)
