"""What every test may lean on. The servers come from the plugin beside this file, `tests/services.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from tests.browser.site import HOW_TO_GET_ONE

_NOT_RUN = "no Chromium found"

_LONGEST_FIRST = (
    "tests/recsite/end_to_end/",
    "tests/onemachine/test_stopping.py",
    "tests/onemachine/test_first_release.py",
    "tests/recsite/faults/test_training_killed.py",
    "tests/browser/staff/",
    "tests/browser/test_every_page.py",
    "tests/onemachine/test_demo.py",
    "tests/browser/test_reactions.py",
    "tests/browser/",
    "tests/onemachine/",
)
"""Where minutes are spent. Begun last, one of them would keep one process busy while the other has nothing to do."""

_NEEDS_SERVERS = {"db", "transactional_db", "live_server", "client", "admin_client", "rf"}


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest-xdist hand out files in our order, instead of those with the most tests first."""
    config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _turn(item.nodeid))


def _turn(nodeid: str) -> int:
    return next((turn for turn, start in enumerate(_LONGEST_FIRST) if nodeid.startswith(start)), len(_LONGEST_FIRST))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was not run for want of a browser, and how to get one."""
    left_out = [report for report in terminalreporter.stats.get("skipped", []) if _NOT_RUN in str(report.longrepr)]
    if left_out:
        terminalreporter.section("NOT RUN: the browser tests", sep="!")
        terminalreporter.line(f"{len(left_out)} tests need a browser: {_NOT_RUN}. {HOW_TO_GET_ONE}")


@pytest.fixture(autouse=True)
def plain_static_names(settings: Settings) -> None:
    """Tests in this process render pages without `collectstatic`; those in a browser use the real, hashed files."""
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """The real hash takes a tenth of a second on purpose, a dozen times a test."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def empty_cache(request: pytest.FixtureRequest) -> Iterator[None]:
    """Counts of rate limits and cached lists do not reach the next test."""
    yield
    if request.node.get_closest_marker("django_db") or _NEEDS_SERVERS & set(request.fixturenames):
        cache.clear()
