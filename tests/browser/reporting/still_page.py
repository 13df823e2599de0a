"""A reader whose time passes only when the test says so, and what the log holds of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect
from psycopg import sql

from tests.browser.conftest import NewContext
from tests.browser.site import Site

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
