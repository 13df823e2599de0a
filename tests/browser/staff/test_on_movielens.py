"""The staff pages once on real data (https://grouplens.org/datasets/movielens/100k/), where it is at hand."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.accessibility import sideways
from tests.browser.site import ROOT, Site, running_site
from tests.browser.staff.addresses import PAGES, address
from tests.browser.staff.conftest import SignedIn

DATA = ROOT.parent / "shared" / "data" / "ml-100k"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is not there")
    with running_site(
        database_url=os.environ["DATABASE_URL"],
        redis_url=os.environ["REDIS_URL"],
        folder=tmp_path_factory.mktemp("movielens"),
        staffed=True,
        movielens=DATA,
    ) as site:
        yield site


@pytest.fixture(scope="module")
def sessions() -> dict[str, object]:
    """Logins of this site, not of the made-up one."""
    return {}


def test_every_page_shows_films_as_it_shows_made_up_pieces(signed_in: SignedIn, site: Site) -> None:
    page = signed_in()
    wide = {}
    for name in PAGES:
        answer = page.goto(address(name, site))
        assert answer is not None
        assert answer.ok, f"{name}: {answer.status}"
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        for chart in page.locator("[data-chart]").all():
            expect(chart).to_have_attribute("data-drawn", re.compile(r"\d+"))
        wide[name] = sideways(page)
    assert {name: pixels for name, pixels in wide.items() if pixels} == {}
