"""Reading is counted while somebody reads, and survives leaving the page."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.reporting.still_page import (
    LINK_EVERYWHERE,
    acts,
    delivered,
    open_feed,
    open_item,
    read_ms,
    scroll_to_text,
)
from tests.browser.site import Site


def test_reading_is_counted_while_the_text_is_on_screen_and_outlives_leaving(page: Page, site: Site) -> None:
    open_feed(page)
    open_item(page)
    scroll_to_text(page)
    page.clock.run_for(7_000)
    page.goto("/account/")
    delivered(page)
    assert read_ms(site, page) == 7_000
    assert {surface for _, surface, _ in acts(site, page, "dwell")} == {"home"}


def test_long_reading_arrives_in_parts_that_add_up(page: Page, site: Site) -> None:
    open_feed(page)
    open_item(page)
    scroll_to_text(page)
    for _ in range(8):
        page.clock.run_for(10_000)
        page.keyboard.press("Shift")
    page.goto("/account/")
    delivered(page)
    assert len(acts(site, page, "dwell")) > 4
    assert read_ms(site, page) == 80_000


def test_a_reader_who_went_away_reads_for_half_a_minute_at_most(page: Page, site: Site) -> None:
    open_feed(page)
    open_item(page)
    scroll_to_text(page)
    page.keyboard.press("Shift")
    page.clock.run_for(600_000)
    page.goto("/account/")
    delivered(page)
    assert read_ms(site, page) == 30_000


def test_nobody_reads_in_a_hidden_tab(page: Page, site: Site) -> None:
    open_feed(page)
    open_item(page)
    scroll_to_text(page)
    page.clock.run_for(3_000)
    page.evaluate("turn('hidden')")
    page.clock.run_for(20_000)
    page.evaluate("turn('visible')")
    page.clock.run_for(4_000)
    page.goto("/account/")
    delivered(page)
    assert read_ms(site, page) == 7_000


def test_an_item_opened_by_its_address_is_read_without_a_token(page: Page, site: Site) -> None:
    open_feed(page)
    path = page.locator("[data-feed] .card-title a").first.get_attribute("href") or ""
    page.goto(path.partition("?")[0])
    scroll_to_text(page)
    page.clock.run_for(5_000)
    page.goto("/account/")
    delivered(page)
    assert acts(site, page, "dwell") == [("dwell", "direct", 5_000)]


def test_following_the_link_to_the_source_is_reported(page: Page, site: Site) -> None:
    open_feed(page)
    site.change(LINK_EVERYWHERE, f"{site.address}/offline/")
    open_item(page)
    page.locator("a[data-outbound]").click()
    page.wait_for_url("**/offline/")
    page.goto("/account/")
    delivered(page)
    site.change(LINK_EVERYWHERE, "")
    assert acts(site, page, "outbound") == [("outbound", "home", None)]
