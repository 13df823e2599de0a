from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from recsite.releases import live
from recsite.releases.store import ArtefactStore, store


@pytest.fixture
def files(settings: Settings, tmp_path: Path) -> ArtefactStore:
    """The store of the settings: a folder of this test's own."""
    settings.ARTEFACT_URL = f"file://{tmp_path}/artefacts"
    settings.ARTEFACT_CACHE = tmp_path / "cache"
    return store()


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """What a process keeps of releases does not reach the next test."""
    yield
    live.forget()
