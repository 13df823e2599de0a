"""A web process that has served pages, asked what it loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from recsite.releases.store import ArtefactStore, store
from tests.addresses import url_of_test_database
from tests.recsite.releases.shelves import go_live
from tests.recsite.releases.stored import make_items

pytestmark = pytest.mark.django_db(transaction=True)

TRAINING_ONLY = {"torch", "pandas", "sklearn", "onnx", "lightgbm", "implicit", "polars"}

# As in the image for serving, where nothing of `requirements/train.txt` is installed.
_WITHOUT_TRAINING = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "implicit", "onnx", "onnxscript", "threadpoolctl", "pandas"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
"""

# The first page makes the cookie's reader, the second is that reader's; the release serves both.
_SERVE = """
import sys, django
django.setup()
from django.test import Client
from feedback.models import Slate
from recsite import clock
from recsite.releases.live import shelf
shelf().refresh(now=clock.now())
browser = Client(HTTP_HOST="localhost", HTTP_USER_AGENT="Mozilla/5.0 Firefox/140.0")
assert [browser.get("/").status_code for _ in range(2)] == [200, 200]
assert set(Slate.objects.values_list("release", "fallback")) == {(int(sys.argv[1]), None)}
print(*{name.partition(".")[0] for name in sys.modules})
"""

_WORK = """
import pkgutil, importlib
import recsite.staff, recsite.api, recsite.tasks
for package in (recsite.staff, recsite.api):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
jobs = "refresh_sources refresh_popularity count_log clear_sessions embed_new_items prune_releases keep_log"
for job in jobs.split():
    getattr(recsite.tasks, job)()
"""


@pytest.fixture
def files(settings: Settings, tmp_path: Path) -> ArtefactStore:
    settings.ARTEFACT_URL, settings.ARTEFACT_CACHE = f"file://{tmp_path}/artefacts", tmp_path / "cache"
    return store()


def test_a_process_that_serves_pages_by_a_release_has_loaded_nothing_that_only_training_needs(
    files: ArtefactStore, tmp_path: Path
) -> None:
    served = run(files, tmp_path, _SERVE)
    assert not TRAINING_ONLY & set(served.split())


def test_where_nothing_of_training_is_installed_pages_are_served_and_ordinary_jobs_run(
    files: ArtefactStore, tmp_path: Path
) -> None:
    run(files, tmp_path, _WITHOUT_TRAINING + _SERVE + _WORK)


def run(files: ArtefactStore, tmp_path: Path, program: str) -> str:
    """What the program said, in a process of its own on a site with a release, whose id is its argument."""
    make_items()
    release = go_live(files)
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "recsite.settings",
        "DATABASE_URL": url_of_test_database(),
        "ARTEFACT_URL": files.url,
        "ARTEFACT_CACHE": str(files.cache),
        "RELEASE_POLL_S": "0",
        "HTTPS": "0",
        "DEBUG": "1",
        "VAR_DIR": str(tmp_path),
        "STATIC_ROOT": str(tmp_path / "static"),
    }
    collected = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"]
    subprocess.run(collected, check=True, env=environment)
    command = [sys.executable, "-c", program, str(release.pk)]
    served = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert served.returncode == 0, served.stderr[-2_000:]
    return served.stdout
