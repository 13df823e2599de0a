"""A small site with a live release, on disks of its own that a test can fill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from recsite.models import Release
from recsite.onemachine.services import LocalServices
from recsite.releases.registry import promote
from recsite.releases.store import ArtefactStore, store
from recsite.training import pair
from tests.recsite.faults.disks import Disk
from tests.recsite.faults.quick_training import make_quick
from tests.recsite.faults.web import Web, serving
from tests.recsite.funnel.world import fusion_ranker
from tests.recsite.releases.stored import AT, stored_release
from tests.recsite.training.known_world import come_back, plant
from tests.services import own_servers


@pytest.fixture
def store_disk(tmp_path: Path) -> Iterator[Disk]:
    """Where artefacts lie."""
    with Disk.mounted(tmp_path / "artefacts") as disk:
        yield disk


@pytest.fixture
def cache_disk(tmp_path: Path) -> Iterator[Disk]:
    """Where this machine keeps its copies of artefacts."""
    with Disk.mounted(tmp_path / "cache") as disk:
        yield disk


@pytest.fixture
def files(transactional_db: None, settings: Settings, tmp_path: Path) -> ArtefactStore:
    """The store of the settings, and all else that is this test's own."""
    settings.VAR_DIR = tmp_path / "var"
    settings.ARTEFACT_URL = f"file://{tmp_path}/artefacts"
    settings.ARTEFACT_CACHE = tmp_path / "cache"
    settings.GATE_READERS, settings.GATE_POSITIVES = 10, 30
    return store()


@pytest.fixture
def live(files: ArtefactStore) -> Release:
    """A release of a site whose readers chose something before it was trained, and more since."""
    plant()
    come_back()
    with connection.cursor() as cursor:  # trainings name their files by their number, the release below by its own
        cursor.execute("SELECT setval(pg_get_serial_sequence('recsite_trainingrun', 'id'), 1000)")
    release = stored_release(files, fusion_ranker(), config=pair.configs("small"))
    return promote(release, by="test", reason="It is the first.", now=AT)


@pytest.fixture
def web(live: Release, tmp_path: Path) -> Iterator[Web]:
    with serving(tmp_path / "web") as web:
        yield web


@pytest.fixture
def quick_training(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch.setattr)


@pytest.fixture
def servers() -> LocalServices:
    """To be stopped and started again."""
    found = own_servers()
    if found is None:
        pytest.skip("DATABASE_URL and REDIS_URL name servers that are not ours to stop")
    return found
