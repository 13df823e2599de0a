"""A site with a release and two days of visits, and people who look at it from behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import NewContext
from tests.browser.site import Site, running_site
from tests.browser.staff.addresses import log_in
from tests.browser.staff.planting import STAFF

SignedIn = Callable[..., Page]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """In place of the plain one."""
    with running_site(
        database_url=os.environ["DATABASE_URL"],
        redis_url=os.environ["REDIS_URL"],
        folder=tmp_path_factory.mktemp("staffed"),
        staffed=True,
    ) as site:
        yield site


@pytest.fixture(scope="session")
def sessions() -> dict[str, Any]:
    """What browsers keep of logins: each account logs in once, because too many logins are refused."""
    return {}


@pytest.fixture
def signed_in(new_context: NewContext, sessions: dict[str, Any]) -> SignedIn:
    """A page of somebody who has logged in, by default of an editor at a desk."""

    def make(who: str = STAFF, **options: Any) -> Page:
        viewport = {"viewport": {"width": 1280, "height": 900}}
        if who not in sessions:
            page = new_context(**viewport).new_page()
            log_in(page, who)
            sessions[who] = page.context.storage_state()
        return new_context(**(viewport | {"storage_state": sessions[who]} | options)).new_page()

    return make
