"""What holds on every page: no serious finding of axe, no sideways scrolling, both themes, phone and desktop."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from psycopg import sql

from tests.browser.accessibility import findings, sideways
from tests.browser.conftest import NewContext
from tests.browser.site import Site
from tests.browser.test_account import sign_up

PUBLIC = [
    "/",
    "/welcome/",
    "ITEM",
    "AUTHOR",
    "/topics/",
    "/topics/jazz/",
    "/search/",
    "/search/?q=bread",
    "/search/?q=xyzzyplugh",
    "/saved/",
    "/history/",
    "/dismissed/",
    "/following/",
    "/account/",
    "/account/signup/",
    "/account/login/",
    "/account/password/reset/",
    "/account/password/reset/done/",
    "/account/delete/",
    "/offline/",
]
SIGNED_IN = [
    "/account/",
    "/account/password/change/",
    "/account/delete/",
    "/saved/",
    "/history/",
    "/dismissed/",
    "/following/",
]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1440, "height": 900}}


def address(path: str, site: Site) -> str:
    if path == "ITEM":
        return f"/items/{site.query(sql.SQL('SELECT slug FROM catalog_item ORDER BY id LIMIT 1'))[0][0]}/"
    if path == "AUTHOR":
        return f"/authors/{site.query(sql.SQL('SELECT slug FROM catalog_author ORDER BY id LIMIT 1'))[0][0]}/"
    return path


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def visitor(request: pytest.FixtureRequest, new_context: NewContext, scheme: str) -> Page:
    return new_context(color_scheme=scheme, **request.param).new_page()


@pytest.mark.parametrize(
    ("window", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")], ids=["phone-light", "desktop-dark"]
)
def test_pages_for_everybody_are_accessible(
    new_context: NewContext, window: dict[str, object], scheme: str, site: Site
) -> None:
    """Each size and each scheme once: what a size changes (the masthead) is looked at in both schemes further down."""
    visitor = new_context(color_scheme=scheme, **window).new_page()
    found = {}
    for path in PUBLIC:
        visitor.goto(address(path, site))
        expect(visitor.get_by_role("heading", level=1)).to_have_count(1)
        found[path] = [*findings(visitor), *([f"{sideways(visitor)} px too wide"] if sideways(visitor) else [])]
    assert {path: problems for path, problems in found.items() if problems} == {}


def test_pages_of_a_reader_with_an_account_are_accessible(new_context: NewContext, scheme: str, site: Site) -> None:
    page = new_context(color_scheme=scheme, **DESKTOP).new_page()
    page.goto("/")
    page.locator("[data-feed] .card-title a").first.click()
    page.wait_for_url("**/items/**")
    page.locator("form.save button").first.click()
    expect(page.locator("form.save button").first).to_have_attribute("aria-pressed", "true")
    sign_up(page)
    found = {}
    for path in SIGNED_IN:
        page.goto(path)
        found[path] = findings(page)
    assert {path: problems for path, problems in found.items() if problems} == {}


def test_an_open_menu_and_open_suggestions_are_accessible(visitor: Page) -> None:
    visitor.goto("/")
    card = visitor.locator("[data-feed] [data-item]").first
    card.scroll_into_view_if_needed()
    card.locator("details[data-menu] > summary").first.press("Enter")
    assert findings(visitor) == []
    visitor.goto("/search/")
    visitor.locator("input[name=q]").first.press_sequentially("jaz")
    expect(visitor.get_by_role("option").first).to_be_visible()
    assert findings(visitor) == []


@pytest.mark.parametrize("width", [360, 390, 600, 834, 900, 1200, 1920])
def test_the_feed_fits_every_width(new_context: NewContext, width: int) -> None:
    page = new_context(viewport={"width": width, "height": 900}).new_page()
    page.goto("/")
    assert sideways(page) == 0
    columns = page.locator("[data-feed]").evaluate(
        "feed => getComputedStyle(feed).gridTemplateColumns.split(' ').length"
    )
    assert columns == (1 if width < 600 else 2 if width < 900 else 3 if width < 1200 else 4)


def test_the_switch_wins_over_the_device_and_is_kept(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto("/")
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.locator("details.theme-switch > summary").click()
    page.get_by_label("Dark").check()
    page.reload()
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert light != dark


def test_the_page_for_what_does_not_exist_is_friendly(new_context: NewContext) -> None:
    page = new_context().new_page()
    page.on("console", lambda _message: None)
    response = page.request.get("/nowhere/")
    assert response.status == 404
    assert "<h1" in response.text()


def test_cards_in_another_language_say_so(new_context: NewContext) -> None:
    page = new_context(locale="de-DE").new_page()
    page.goto("/")
    assert set(page.locator("[data-feed] [data-item]").evaluate_all("cards => cards.map(card => card.lang)")) == {"de"}


def test_motion_stops_when_it_is_not_wanted(new_context: NewContext) -> None:
    page = new_context(reduced_motion="reduce").new_page()
    page.goto("/")
    moving = page.evaluate(
        """[...document.querySelectorAll("*")].filter(element => {
          const style = getComputedStyle(element);
          const durations = `${style.transitionDuration},${style.animationDuration}`.split(",");
          return durations.some(duration => parseFloat(duration) > 0.01);
        }).length"""
    )
    assert moving == 0
