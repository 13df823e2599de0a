"""What happened reaches the log once, whatever the network, the server and other tabs do."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, Request

from tests.browser.conftest import NewContext
from tests.browser.reporting.still_page import (
    EVENTS,
    NOON,
    STORAGE_DENIED,
    WAITING,
    delivered,
    half_on_screen,
    open_feed,
    scroll,
    seen,
    still_page,
)
from tests.browser.site import Site
from tests.waiting import wait_until


def test_what_was_seen_offline_is_sent_on_return(page: Page, site: Site) -> None:
    open_feed(page)
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    page.clock.run_for(10_000)
    expected = half_on_screen(page)
    assert page.evaluate(WAITING) == len(expected) > 0
    assert seen(site, page) == []
    page.context.set_offline(False)
    delivered(page)
    assert seen(site, page) == sorted(expected)


def test_what_was_seen_offline_outlives_its_page(page: Page, site: Site) -> None:
    open_feed(page)
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    page.clock.run_for(1_100)
    expected = half_on_screen(page)
    page.close()
    other = page.context.new_page()
    other.context.set_offline(False)
    other.goto("/account/")
    delivered(other)
    assert seen(site, other) == sorted(expected)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again_later(new_context: NewContext, site: Site, status: int) -> None:
    page = still_page(new_context, forgiven=str(status))
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if request.url.endswith(EVENTS) else None)
    page.route(f"**{EVENTS}", lambda route: route.fulfill(status=status))
    open_feed(page)
    with page.expect_response(f"**{EVENTS}"):
        page.clock.run_for(2_200)
    expected = half_on_screen(page)
    assert page.evaluate(WAITING) == len(expected)
    asked_in_trouble = len(asked)
    page.unroute(f"**{EVENTS}")
    page.clock.run_for(60_000)
    delivered(page)
    assert len(asked) > asked_in_trouble
    assert seen(site, page) == sorted(expected)


def test_the_pause_that_a_busy_server_asks_for_is_kept(new_context: NewContext) -> None:
    page = still_page(new_context, forgiven="429")
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if request.url.endswith(EVENTS) else None)
    page.route(f"**{EVENTS}", lambda route: route.fulfill(status=429, headers={"Retry-After": "600"}))
    open_feed(page)
    with page.expect_response(f"**{EVENTS}"):
        page.clock.run_for(2_200)
    scroll(page, 600)
    asked_before = len(asked)
    page.clock.run_for(500_000)
    assert len(asked) == asked_before
    with page.expect_request(f"**{EVENTS}"):
        page.clock.run_for(101_000)


def test_one_event_that_spoils_its_batch_is_given_up_and_the_rest_arrives(new_context: NewContext, site: Site) -> None:
    page = still_page(new_context, forgiven="422")
    page.route(
        f"**{EVENTS}",
        lambda route: route.fulfill(status=422) if "spoilt" in (route.request.post_data or "") else route.continue_(),
    )
    open_feed(page)
    page.evaluate(
        "now => localStorage.setItem('event spoilt', JSON.stringify({id: 'spoilt', kind: 'view', moment: now}))",
        NOON.timestamp() * 1000,
    )
    page.clock.run_for(1_100)
    expected = half_on_screen(page)
    delivered(page)
    assert seen(site, page) == sorted(expected)


def test_what_is_delivered_twice_counts_once(page: Page, site: Site) -> None:
    open_feed(page)
    with page.expect_request(f"**{EVENTS}") as report:
        page.clock.run_for(2_200)
    delivered(page)
    before = seen(site, page)
    again = page.request.post(
        EVENTS, data=report.value.post_data, headers={"Content-Type": "application/json", "Origin": site.address}
    )
    assert {result["status"] for result in again.json()["results"]} == {"duplicate"}
    assert seen(site, page) == before != []


def test_two_tabs_of_one_browser_report_every_view_once(page: Page, site: Site) -> None:
    sent: list[str] = []
    page.context.on(
        "request", lambda request: sent.append(request.post_data or "") if request.url.endswith(EVENTS) else None
    )
    open_feed(page)
    page.wait_for_load_state("networkidle")
    other = page.context.new_page()
    other.goto("/account/")
    other.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    page.clock.run_for(1_100)
    expected = half_on_screen(page)
    page.context.set_offline(False)
    delivered(other)
    # The other tab may not have heard yet of what this one put into the storage; this one knows.
    delivered(page)
    assert len({event["id"] for body in sent for event in json.loads(body)["events"]}) == len(expected)
    assert seen(site, page) == sorted(expected)


def test_with_storage_denied_events_go_out_from_memory(new_context: NewContext, site: Site) -> None:
    page = still_page(new_context, STORAGE_DENIED)
    open_feed(page)
    page.clock.run_for(1_100)
    expected = sorted(half_on_screen(page))
    page.clock.run_for(1_000)
    wait_until(lambda: seen(site, page) == expected, "everything seen is in the log")


def test_what_is_older_than_two_days_is_dropped(page: Page, site: Site) -> None:
    open_feed(page)
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    page.clock.run_for(1_100)
    page.clock.fast_forward("49:00:00")
    page.context.set_offline(False)
    delivered(page)
    assert seen(site, page) == []
