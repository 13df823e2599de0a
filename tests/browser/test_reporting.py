"""The log holds exactly what a person saw and did: not less when the network fails, not more when they scroll by."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, Request, expect
from psycopg import sql

from tests.browser.conftest import NewContext
from tests.browser.site import Site
from tests.waiting import wait_until

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DESKTOP = {"viewport": {"width": 1280, "height": 900}}
EVENTS = "/api/v1/events"

VIEWS = sql.SQL(
    "SELECT view.item_id FROM feedback_view AS view JOIN feedback_slate AS slate ON slate.id = view.slate_id"
    " WHERE slate.reader_public_id = %s"
)
ACTS = sql.SQL(
    "SELECT act.kind, act.surface, act.dwell_ms FROM feedback_interaction AS act"
    " JOIN catalog_reader AS reader ON reader.id = act.reader_id WHERE reader.public_id = %s AND act.kind = %s"
)
LINK_EVERYWHERE = sql.SQL("UPDATE catalog_item SET link = %s")

# Headless Chromium never hides a tab, so the page is told that it is hidden.
HIDING = """
    let state = "visible";
    Object.defineProperty(Document.prototype, "visibilityState", {get: () => state});
    window.turn = (to) => { state = to; document.dispatchEvent(new Event("visibilitychange")); };
"""
# Requests that pass by a service worker are out of a test's hands.
WITHOUT_WORKER = "delete Navigator.prototype.serviceWorker"
STORAGE_DENIED = """
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(window, name, {get() { throw new DOMException("denied", "SecurityError"); }});
    }
"""
WAITING = "Object.keys(localStorage).filter(key => key.startsWith('event ')).length"
HALF_ON_SCREEN = """() => {
  const top = document.querySelector(".masthead").offsetHeight;
  return [...document.querySelectorAll(".card")].filter((card) => {
    const rect = card.getBoundingClientRect();
    return Math.min(rect.bottom, innerHeight) - Math.max(rect.top, top) >= rect.height / 2;
  }).map((card) => Number(card.dataset.item));
}"""


@pytest.fixture
def page(new_context: NewContext) -> Page:
    """A reader whose time passes only when the test says so."""
    return still_page(new_context)


def still_page(new_context: NewContext, *scripts: str, **options: object) -> Page:
    context = new_context(**(DESKTOP | options))
    for script in (HIDING, WITHOUT_WORKER, *scripts):
        context.add_init_script(script)
    page = context.new_page()
    page.clock.install(time=NOON)
    page.clock.pause_at(NOON + timedelta(minutes=1))
    return page


def open_feed(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Skip").click()
    expect(page.get_by_role("heading", name="For you")).to_be_visible()
    look(page)


def open_item(page: Page) -> int:
    """Follow the first card; returns the item's id."""
    link = page.locator("[data-feed] .card-title a").first
    title = link.inner_text()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    look(page)
    return int(page.locator("[data-reading]").get_attribute("data-item") or 0)


def look(page: Page) -> None:
    """Wait until the scripts run and the browser has told every observer what is on screen."""
    page.wait_for_load_state()
    page.evaluate(
        """() => new Promise((seen) => new IntersectionObserver((_, observer) => {
          observer.disconnect();
          seen();
        }).observe(document.body))"""
    )


def scroll(page: Page, pixels: int) -> None:
    page.evaluate("pixels => scrollBy({top: pixels, behavior: 'instant'})", pixels)
    look(page)


def scroll_to_text(page: Page) -> None:
    page.locator(".story-body").evaluate("body => body.scrollIntoView({behavior: 'instant'})")
    look(page)


def half_on_screen(page: Page) -> set[int]:
    return set(page.evaluate(HALF_ON_SCREEN))


def delivered(page: Page) -> None:
    """Let the page send what waits, until the site has confirmed all of it."""
    page.clock.run_for(2_000)
    page.wait_for_function(f"() => {WAITING} === 0")


def reader(page: Page) -> str:
    """The public id in the reader's cookie."""
    (cookie,) = [cookie for cookie in page.context.cookies() if cookie["name"] == "reader"]
    return cookie["value"].split(":")[0]


def seen(site: Site, page: Page) -> list[int]:
    """Items in the log of views, with repeats if there were any."""
    return sorted(int(str(item_id)) for (item_id,) in site.query(VIEWS, reader(page)))


def acts(site: Site, page: Page, kind: str) -> list[tuple[object, ...]]:
    return site.query(ACTS, reader(page), kind)


def read_ms(site: Site, page: Page) -> int:
    return sum(int(str(dwell_ms)) for _, _, dwell_ms in acts(site, page, "dwell"))


# --- views ---


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


# --- a network that fails ---


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


# --- reading ---


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


# --- addresses, columns, clicks ---


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
