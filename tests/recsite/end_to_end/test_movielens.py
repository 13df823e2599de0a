"""The main job, once through, on MovieLens 100K and its ratings (https://grouplens.org/datasets/movielens/100k/).

All of them: of fewer too few readers come back to tell for certain that the first release beats popularity.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from tests.recsite.end_to_end import story
from tests.recsite.end_to_end.story import Site


@pytest.fixture
def catalogue() -> tuple[str, Path]:
    folder = settings.BASE_DIR.parent / "shared" / "data" / "ml-100k"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return "movielens", folder


def test_the_main_job_on_movielens(site: Site) -> None:
    story.play(site)
