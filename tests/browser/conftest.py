"""A Chromium found on this machine, a site in a process of its own, and pages on which every complaint is a failure."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.site import CHROMIUM_OPTIONS, HOW_TO_GET_ONE, Site, find_chromium, running_site

NewContext = Callable[..., BrowserContext]

# A page that loads in half a second on a quiet machine takes five on a busy one.
expect.set_options(timeout=30_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a browser these tests are skipped, or fail in CI: a run that silently left them out would look green."""
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)
            if find_chromium() is None and os.environ.get("CI") != "true":
                item.add_marker(pytest.mark.skip(reason=f"no Chromium found. {HOW_TO_GET_ONE}"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(
        database_url=os.environ["DATABASE_URL"],
        redis_url=os.environ["REDIS_URL"],
        folder=tmp_path_factory.mktemp("site"),
    ) as site:
        yield site


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Ends with this folder's tests: while Playwright's loop runs, Django's ORM refuses to work in the same thread."""
    chromium = find_chromium()
    if chromium is None:
        pytest.fail(f"No Chromium found. {HOW_TO_GET_ONE}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def new_context(browser: Browser, site: Site) -> Iterator[NewContext]:
    """Make contexts: each is a browser profile of its own. At the end none of their pages may have complained."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def make(*, forgiven: str = "", **options: Any) -> BrowserContext:
        """`forgiven`: a pattern of the complaints that a test provokes."""
        context = browser.new_context(**({"base_url": site.address, "locale": "en-GB"} | options))
        context.on(
            "console", lambda message: None if forgiven and re.search(forgiven, message.text) else heard(message)
        )
        context.on("weberror", lambda error: complaints.append(f"uncaught: {error.error}"))
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    assert complaints == [], "console errors, warnings or violations of the content security policy"


@pytest.fixture
def page(new_context: NewContext) -> Page:
    """A desktop page of a newcomer."""
    return new_context(viewport={"width": 1280, "height": 900}).new_page()
