"""Clicks are known by the token of the card, and slates by how many columns they stood in."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from psycopg import sql

from tests.browser.conftest import NewContext
from tests.browser.reporting.still_page import DESKTOP, acts, open_feed, open_item, reader
from tests.browser.site import Site


def test_the_address_of_an_item_carries_no_token_and_a_reload_still_knows_it(page: Page, site: Site) -> None:
    open_feed(page)
    open_item(page)
    token = page.locator("[data-reading]").get_attribute("data-token")
    assert token
    assert "?" not in page.url
    page.reload()
    expect(page.locator("[data-reading]")).to_have_attribute("data-token", token)
    assert len(acts(site, page, "click")) == 1


@pytest.mark.parametrize(("width", "columns"), [(390, "1"), (700, "2"), (1280, "4")])
def test_the_site_learns_how_many_columns_stand_side_by_side(
    new_context: NewContext, site: Site, width: int, columns: str
) -> None:
    page = new_context(viewport={"width": width, "height": 900}).new_page()
    page.goto("/")
    page.reload()
    newest = sql.SQL("SELECT columns FROM feedback_slate WHERE reader_public_id = %s ORDER BY id DESC LIMIT 1")
    assert [str(found) for (found,) in site.query(newest, reader(page))] == [columns]


def test_without_a_script_a_click_is_still_there(new_context: NewContext, site: Site) -> None:
    page = new_context(java_script_enabled=False, **DESKTOP).new_page()
    page.goto("/")
    page.locator("[data-feed] .card-title a").first.click()
    page.wait_for_url("**/items/**")
    assert acts(site, page, "click") == [("click", "home", None)]
