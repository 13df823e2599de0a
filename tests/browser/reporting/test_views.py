"""A card was seen when half of it stood on screen for a second: not less, and not more when people scroll by."""

from __future__ import annotations

import json

from playwright.sync_api import Page

from tests.browser.conftest import NewContext
from tests.browser.reporting.still_page import (
    EVENTS,
    WAITING,
    delivered,
    half_on_screen,
    look,
    open_feed,
    scroll,
    seen,
    still_page,
)
from tests.browser.site import Site


def test_cards_that_stood_still_for_a_second_were_seen_and_no_others(page: Page, site: Site) -> None:
    open_feed(page)
    expected: set[int] = set()
    for _ in range(4):
        page.clock.run_for(1_100)
        expected |= half_on_screen(page)
        scroll(page, 500)
    page.clock.run_for(900)
    scroll(page, -10_000)
    delivered(page)
    assert len(expected) > 8
    assert seen(site, page) == sorted(expected)


def test_cards_that_fly_past_were_not_seen(page: Page, site: Site) -> None:
    open_feed(page)
    for _ in range(20):
        page.clock.run_for(100)
        scroll(page, 200)
    page.clock.run_for(1_100)
    expected = half_on_screen(page)
    delivered(page)
    assert expected
    assert seen(site, page) == sorted(expected)


def test_cards_of_later_pages_count_as_well(page: Page, site: Site) -> None:
    open_feed(page)
    first_page = page.locator(".card").count()
    page.locator(".feed-more").evaluate("more => more.scrollIntoView({behavior: 'instant'})")
    page.wait_for_function("n => document.querySelectorAll('.card').length > n", arg=first_page)
    page.clock.run_for(100)
    page.locator(".card").nth(first_page + 1).evaluate("card => card.scrollIntoView({behavior: 'instant'})")
    look(page)
    page.clock.run_for(1_100)
    expected = half_on_screen(page)
    delivered(page)
    assert set(seen(site, page)) == expected


def test_a_hidden_tab_shows_nothing_and_the_second_begins_anew(page: Page, site: Site) -> None:
    open_feed(page)
    page.clock.run_for(900)
    page.evaluate("turn('hidden')")
    page.clock.run_for(60_000)
    page.evaluate("turn('visible')")
    page.clock.run_for(900)
    assert page.evaluate(WAITING) == 0
    assert seen(site, page) == []
    page.clock.run_for(200)
    expected = half_on_screen(page)
    delivered(page)
    assert seen(site, page) == sorted(expected)


def test_a_card_seen_twice_on_a_page_is_reported_once(page: Page) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or "") if request.url.endswith(EVENTS) else None)
    open_feed(page)
    page.clock.run_for(1_100)
    scroll(page, 3_000)
    scroll(page, -3_000)
    page.clock.run_for(1_100)
    delivered(page)
    tokens = [event["token"] for body in set(sent) for event in json.loads(body)["events"]]
    assert len(tokens) == len(set(tokens)) > 0


def test_a_card_taller_than_two_screens_is_seen_when_it_fills_half_of_one(new_context: NewContext, site: Site) -> None:
    page = still_page(new_context, viewport={"width": 1280, "height": 200})
    open_feed(page)
    first = page.locator(".card").first
    first.evaluate("card => card.scrollIntoView({block: 'center', behavior: 'instant'})")
    look(page)
    assert half_on_screen(page) == set()
    page.clock.run_for(1_100)
    delivered(page)
    assert int(first.get_attribute("data-item") or 0) in seen(site, page)
