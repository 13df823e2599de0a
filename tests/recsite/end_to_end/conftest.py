"""A site of several processes on the test's own servers, filled with a catalogue and its history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django.fixtures import Settings

from recsite import clock, tasks
from tests.recsite.end_to_end.story import Site
from tests.recsite.faults.training_worker import TrainingWorker
from tests.recsite.faults.web import serving

Opened = Callable[..., Site]


@pytest.fixture
def site(transactional_db: None, settings: Settings, tmp_path: Path, catalogue: tuple[str, Path]) -> Iterator[Site]:
    """catalogue: its format and where it lies, a fixture of the test's own."""
    settings.VAR_DIR = tmp_path / "var"
    settings.ARTEFACT_URL = f"file://{tmp_path}/artefacts"
    settings.ARTEFACT_CACHE = tmp_path / "cache"
    settings.GATE_READERS, settings.GATE_POSITIVES = 10, 30
    form, path = catalogue
    call_command(
        "import_catalog", str(path), "--format", form, "--with-history", "--shift-to-now", "--rejects", "/dev/null"
    )
    tasks.refresh_sources()
    tasks.refresh_popularity()
    worker = TrainingWorker(tmp_path / "worker")
    try:
        with serving(tmp_path / "web", EXPLORATION_SHARE="0") as web:
            yield Site(web, worker, tmp_path / "command", clock.now())
    finally:
        worker.stop()
