"""Every staff page as staff see it: charts drawn, tables sorted, numbers as the log has them."""

from __future__ import annotations

import csv
import io
import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.accessibility import findings, sideways
from tests.browser.site import Site
from tests.browser.staff.addresses import MOST_SHOWN, PAGES, RELEASE, SLATE, address, one
from tests.browser.staff.conftest import SignedIn
from tests.browser.staff.planting import HELPER

DAY_S = 86_400
FEWER_ALIKE = """() => {
  for (const body of document.querySelectorAll("tbody")) [...body.rows].slice(3).forEach((row) => row.remove());
  [...document.querySelectorAll(".funnel-item")].slice(3).forEach((item) => item.remove());
}"""
"""Rows are alike, and axe looks at the contrast of each: three of a table say what three hundred do, in a tenth of the
time."""


def csv_rows(page: Page, path: str, key: str) -> list[dict[str, str]]:
    joint = "&" if "?" in path else "?"
    answer = page.request.get(f"{path}{joint}csv={key}")
    assert answer.ok, answer.status
    return list(csv.DictReader(io.StringIO(answer.text())))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_fits_its_window_and_draws_its_charts(
    signed_in: SignedIn, site: Site, scheme: str
) -> None:
    page = signed_in(color_scheme=scheme)
    found: dict[str, list[str]] = {}
    for name in PAGES:
        page.goto(address(name, site))
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        for chart in page.locator("[data-chart]").all():
            expect(chart).to_have_attribute("data-drawn", re.compile(r"\d+"))
        too_wide = sideways(page)
        page.evaluate(FEWER_ALIKE)
        found[name] = [*findings(page), *([f"{too_wide} px too wide"] if too_wide else [])]
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_a_chart_of_a_single_moment_shows_the_days_about_it(signed_in: SignedIn, site: Site) -> None:
    page = signed_in()
    moments: list[int] = []

    def only_the_last(route: Route) -> None:
        chart = route.fetch().json()
        if chart["inTime"]:
            chart["x"] = chart["x"][-1:]
            for series in chart["series"]:
                series |= {name: series[name][-1:] for name in ("values", "lower", "upper")}
            moments.append(round(chart["x"][0]))
        route.fulfill(json=chart)

    page.route(re.compile("[?&]json="), only_the_last)
    page.goto(address("item", site))
    first = page.locator("[data-chart]").first
    expect(first).to_have_attribute("data-axis", re.compile(r"\d+ \d+"))
    axis = [float(end) for end in str(first.get_attribute("data-axis")).split()]
    assert axis == [moments[0] - DAY_S, moments[0] + DAY_S]


def test_every_page_fits_a_phone(signed_in: SignedIn, site: Site) -> None:
    page = signed_in(viewport={"width": 390, "height": 844})
    wide = {}
    for name in PAGES:
        page.goto(address(name, site))
        wide[name] = sideways(page)
    assert {name: pixels for name, pixels in wide.items() if pixels} == {}


def test_every_link_of_every_page_leads_somewhere(signed_in: SignedIn, site: Site) -> None:
    """Every number links to what it is made of, and what it links to is there."""
    page = signed_in()
    links: set[str] = set()
    for name in PAGES:
        path = address(name, site)
        page.goto(path)
        found = page.locator(".staff-page a[href]").evaluate_all(
            "links => links.map(link => new URL(link.getAttribute('href'), location).href)"
        )
        links |= {link.partition("#")[0] for link in found if link.startswith(site.address)}
    kinds = {re.sub(r"[0-9a-f-]{36}|\d+", "N", link): link for link in sorted(links)}
    broken = {link: status for link in kinds.values() if (status := page.request.get(link).status) != 200}
    assert broken == {}


def test_staff_without_rights_see_no_reader_and_no_button(signed_in: SignedIn, site: Site) -> None:
    page = signed_in(HELPER, forgiven="403")
    page.goto("/staff/")
    expect(page.locator(".rail")).not_to_contain_text("Readers")
    assert page.goto("/staff/readers/").status == 403  # type: ignore[union-attr]
    page.goto(address("release", site))
    expect(page.locator(".act")).to_have_count(0)


def test_a_table_sorts_by_a_click_on_its_head_and_by_keyboard(signed_in: SignedIn) -> None:
    page = signed_in()
    page.goto("/staff/slates/")
    table = page.locator("table[data-sortable]").first
    head = table.locator("thead th.figure").first
    place = head.evaluate("head => head.cellIndex")
    head.get_by_role("button").press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    values = table.locator(f"tbody td:nth-child({place + 1})").evaluate_all("cells => cells.map(c => +c.dataset.sort)")
    assert values == sorted(values, reverse=True)


def test_the_rail_says_where_one_is(signed_in: SignedIn, site: Site) -> None:
    page = signed_in()
    page.goto(address("slate", site))
    expect(page.locator(".rail [aria-current=page]")).to_have_text("Slates")


def test_the_pages_say_what_they_say_without_javascript(signed_in: SignedIn, site: Site) -> None:
    page = signed_in(java_script_enabled=False)
    page.goto("/staff/")
    expect(page.get_by_role("table").first).to_be_visible()
    page.goto(address("item", site))
    page.locator(".chart-table > summary").first.click()
    expect(page.locator(".chart-table table").first).to_be_visible()


def count(site: Site, statement: str) -> int:
    return int(str(one(site, statement)))


def test_the_overview_counts_what_the_log_holds(signed_in: SignedIn, site: Site) -> None:
    page = signed_in()
    told = {row["Slots of the feed"]: int(row["7 days"]) for row in csv_rows(page, "/staff/", "answers")}
    home = "SELECT id FROM feedback_slate WHERE surface = 'home' AND excluded IS NULL"
    acts = f"SELECT count(DISTINCT (slate_id, position)) FROM feedback_interaction WHERE slate_id IN ({home})"
    assert told["served"] == count(
        site, "SELECT sum(cardinality(items)) FROM feedback_slate WHERE surface = 'home' AND excluded IS NULL"
    )
    assert told["viewed"] == count(site, f"SELECT count(*) FROM feedback_view WHERE slate_id IN ({home})")
    assert told["clicked"] == count(site, f"{acts} AND kind = 'click' AND undone_at IS NULL")
    assert told["dismissed"] == count(site, f"{acts} AND kind = 'dismiss' AND undone_at IS NULL")


def test_the_loop_sets_the_live_release_beside_what_it_showed(signed_in: SignedIn, site: Site) -> None:
    page = signed_in()
    (row,) = csv_rows(page, "/staff/loop/", "changes")
    of_release = "SELECT id FROM feedback_slate WHERE release = 1 AND surface = 'home' AND excluded IS NULL"
    viewed = count(site, f"SELECT count(*) FROM feedback_view WHERE slate_id IN ({of_release})")
    clicked = count(
        site,
        "SELECT count(DISTINCT (slate_id, position)) FROM feedback_interaction"
        f" WHERE kind = 'click' AND slate_id IN ({of_release})",
    )
    assert int(row["Viewed"]) == viewed
    assert float(row["Clicked"]) == pytest.approx(clicked / viewed)


def test_an_item_was_shown_as_often_as_slates_hold_it(signed_in: SignedIn, site: Site) -> None:
    page = signed_in()
    item = one(site, MOST_SHOWN)
    places = csv_rows(page, f"/staff/items/{item}/", "places")
    shown = f"SELECT count(*) FROM feedback_slate WHERE excluded IS NULL AND {item} = ANY (items)"
    assert sum(int(row["Shown"]) for row in places) == count(site, shown)


def test_a_slate_was_seen_and_opened_as_its_rows_say(signed_in: SignedIn, site: Site) -> None:
    page = signed_in()
    slate = one(site, SLATE)
    seen = count(site, f"SELECT count(*) FROM feedback_view WHERE slate_id = '{slate}'")
    opened = count(
        site,
        "SELECT count(DISTINCT position) FROM feedback_interaction"
        f" WHERE slate_id = '{slate}' AND kind = 'click' AND undone_at IS NULL",
    )
    page.goto(f"/staff/slates/{slate}/")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{seen} seen")
    expect(page.locator(".tile", has_text="Opened")).to_contain_text(f"{opened} of 24")


def test_every_click_of_the_board_has_one_outcome(signed_in: SignedIn, site: Site) -> None:
    page = signed_in()
    ways = {row["Way"]: row for row in csv_rows(page, "/staff/type-1-type-2/", "ways")}
    outcomes = ("Shown", "Ranked low", "Removed", "Not retrieved", "Not known")
    assert {way: int(row["Clicks"]) for way, row in ways.items()} == {
        way: sum(int(row[outcome]) for outcome in outcomes) for way, row in ways.items()
    }
    searched = count(
        site,
        "SELECT count(*) FROM feedback_interaction AS click WHERE surface = 'search' AND kind = 'click' AND NOT EXISTS"
        " (SELECT FROM feedback_interaction AS before WHERE before.reader_id = click.reader_id"
        " AND before.item_id = click.item_id AND before.kind = 'click' AND before.happened_at < click.happened_at)",
    )
    assert int(ways["search"]["Clicks"]) == searched


def test_an_editor_lets_a_candidate_go_live_and_goes_back(signed_in: SignedIn, site: Site) -> None:
    """Each is asked once, says what will happen, and stands in the trail."""
    page = signed_in()
    candidate = one(site, "SELECT id FROM recsite_release WHERE state = 'candidate'")
    live = one(site, RELEASE)
    page.goto(f"/staff/releases/{candidate}/")
    act(page, "Promote", "looked at by hand")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Release {candidate} is live")
    act(page, "Roll back", "it was a try")
    page.goto("/staff/releases/")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Release {live} is live")
    trail = csv_rows(page, f"/staff/releases/{candidate}/", "events")
    assert [(row["What"], row["By"], row["Why"]) for row in trail[-2:]] == [
        ("promoted", "editor@example.com", "looked at by hand"),
        ("rolled back", "editor@example.com", "it was a try"),
    ]


def act(page: Page, label: str, reason: str) -> None:
    form = page.locator(".act", has=page.locator("summary", has_text=label)).first
    form.locator("summary").click()
    form.locator("input[name=reason]").fill(reason)
    form.locator("button[type=submit]").click()
