"""One click each, at once, everywhere, and with a way back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.accessibility import findings, sideways
from tests.browser.conftest import NewContext

MENU = "details[data-menu] > summary"


def cards(page: Page) -> list[str]:
    return page.locator("[data-item].card").evaluate_all("cards => cards.map(card => card.dataset.item)")


def open_menu(card: Locator) -> None:
    card.hover()
    card.locator(MENU).first.click()


def press(card: Locator, words: str) -> None:
    open_menu(card)
    card.get_by_role("button", name=re.compile(words)).click()
    expect(card.locator(".card-gone")).to_be_visible()


def first_card(page: Page) -> Locator:
    return page.locator("[data-item].card").first


def lasting_card(page: Page) -> Locator:
    """It is there for its date, and will be after a reload: what is popular is counted again every few minutes."""
    return page.locator("[data-item].card").filter(has=page.locator(".card-reason", has_text=re.compile("^New$"))).first


def title_of(card: Locator) -> str:
    return card.locator(".card-title").inner_text()


def box(card: Locator) -> list[float]:
    """Where the card stands on the page, and its size."""
    found: list[float] = card.evaluate("card => [card.offsetLeft, card.offsetTop, card.offsetWidth, card.offsetHeight]")
    return found


def test_a_dismissed_card_keeps_its_place_and_undo_brings_it_back(page: Page) -> None:
    page.goto("/")
    card = lasting_card(page)
    title, before = title_of(card), box(card)
    press(card, "Not interested")
    expect(card.locator(".card-gone")).to_contain_text("Hidden. You will see less like this.")
    expect(card.locator(".card-title")).to_be_hidden()
    assert box(card) == before
    undo = card.get_by_role("button", name=re.compile("Undo"))
    expect(undo).to_be_focused()
    undo.press("Enter")
    expect(card.locator(".card-title")).to_be_visible()
    expect(card.locator(MENU).first).to_be_focused()
    assert title_of(card) == title
    page.reload()
    assert title in page.locator(".card-title").all_inner_texts()


@pytest.mark.parametrize("words", ["Not interested", "Already seen"])
def test_what_was_put_away_stays_away_everywhere_but_in_search(page: Page, words: str) -> None:
    page.goto("/")
    card = lasting_card(page)
    item, title = str(card.get_attribute("data-item")), title_of(card)
    topic = str(card.locator(".card-topic a").get_attribute("href"))
    page.goto(topic)
    assert item in cards(page)
    # Somewhere this item is among the similar ones.
    page.locator(f".card:not([data-item='{item}']) .card-title a").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    neighbour = page.url
    page.goto("/")
    press(page.locator(f".card[data-item='{item}']"), words)
    for address in ("/", topic, neighbour):
        page.goto(address)
        assert item not in cards(page), address
    page.goto(f"/search/?q={title}")
    assert item in cards(page)


def test_hiding_a_topic_empties_the_feed_of_it_until_it_is_shown_again(page: Page) -> None:
    page.goto("/")
    card = lasting_card(page)
    topic = card.locator(".card-topic").inner_text()
    press(card, f"Hide.*{topic}")
    expect(card.locator(".card-gone")).to_contain_text(f"nothing more about {topic}")
    page.goto("/")
    assert topic not in page.locator(".card-topic").all_inner_texts()
    page.goto("/dismissed/")
    row = page.locator(".entry").filter(has_text=topic)
    row.get_by_role("button", name="Show again").click()
    expect(row.get_by_role("button", name="Hide again")).to_be_focused()
    page.goto("/")
    assert topic in page.locator(".card-topic").all_inner_texts()


def test_hiding_an_author_empties_the_feed_of_them(page: Page) -> None:
    page.goto("/")
    card = first_card(page)
    author = card.locator(".card-author").inner_text()
    press(card, f"Hide.*{author}")
    page.goto("/")
    assert author not in page.locator(".card-author").all_inner_texts()


def test_what_was_dismissed_is_listed_and_taken_back_there(page: Page) -> None:
    page.goto("/")
    card = lasting_card(page)
    item, title = str(card.get_attribute("data-item")), title_of(card)
    press(card, "Not interested")
    page.goto("/dismissed/")
    expect(page.locator(".entry-title")).to_have_text([title])
    page.get_by_role("button", name=re.compile("Show again")).click()
    expect(page.get_by_text("It may come up again.")).to_be_visible()
    page.goto("/")
    assert item in cards(page)


def test_the_page_of_an_item_offers_every_reaction_and_remembers_it(page: Page) -> None:
    page.goto("/")
    first_card(page).locator(".card-title a").click()
    page.wait_for_url("**/items/**")
    story = page.locator("[data-reading]")
    for kind in ("like", "save"):
        story.locator(f"form.{kind} button").click()
        expect(story.locator(f"form.{kind} button")).to_have_attribute("aria-pressed", "true")
    story.locator(MENU).click()
    for kind in ("dismiss", "already_seen", "hide_author", "hide_topic"):
        button = story.locator(f"form.{kind} button").first
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        assert findings(page, within=[".story-head", "#notices"]) == []
    assert findings(page) == []
    page.reload()
    expect(story.locator("form.reaction [aria-pressed=true]")).to_have_count(6)
    story.locator("form.like button").click()
    expect(story.locator("form.like button")).to_have_attribute("aria-pressed", "false")


def test_a_liked_card_shows_it_wherever_it_stands(page: Page) -> None:
    page.goto("/")
    card = first_card(page)
    item = card.get_attribute("data-item")
    card.hover()
    card.locator("form.like button").click()
    expect(card.locator("form.like button")).to_have_attribute("aria-pressed", "true")
    page.reload()
    again = page.locator(f".card[data-item='{item}'] form.like button")
    expect(again).to_have_attribute("aria-pressed", "true")


def test_a_reaction_that_did_not_get_through_is_said_and_tried_again(new_context: NewContext) -> None:
    page = new_context(forgiven="net::ERR_FAILED|htmx:").new_page()
    page.add_init_script("delete Navigator.prototype.serviceWorker")
    page.goto("/")
    card = first_card(page)
    page.route("**/react/", lambda route: route.abort())
    open_menu(card)
    card.get_by_role("button", name="Already seen").click()
    expect(page.get_by_text("We could not save that.")).to_be_visible()
    expect(card.locator(".card-title")).to_be_visible()
    page.unroute("**/react/")
    page.get_by_role("button", name="Try again").click()
    expect(card.locator(".card-gone")).to_contain_text("Marked as seen.")


def test_without_a_script_every_reaction_is_a_plain_form(new_context: NewContext) -> None:
    page = new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900}).new_page()
    page.goto("/")
    card = lasting_card(page)
    title = title_of(card)
    open_menu(card)
    card.get_by_role("button", name="Not interested").click()
    assert title not in page.locator(".card-title").all_inner_texts()
    page.get_by_role("status").get_by_role("link", name="Dismissed and hidden").click()
    expect(page.locator(".entry-title")).to_have_text([title])
    page.get_by_role("button", name=re.compile("Show again")).click()
    expect(page.locator(".entry-title")).to_have_count(0)
    page.goto("/")
    assert title in page.locator(".card-title").all_inner_texts()


@pytest.mark.parametrize("width", [360, 834, 1440])
def test_a_dismissed_card_and_the_page_of_all_of_them_are_accessible(new_context: NewContext, width: int) -> None:
    page = new_context(viewport={"width": width, "height": 900}).new_page()
    page.goto("/")
    for index, words in enumerate(["Not interested", "Hide", "Already seen"]):
        card = page.locator("[data-item].card").nth(index)
        open_menu(card)
        card.locator(".reactions").get_by_role("button", name=re.compile(words)).first.click()
        expect(card.locator(".card-gone")).to_be_visible()
    assert (findings(page, within=[".card:has(.card-gone)", "#notices"]), sideways(page)) == ([], 0)
    page.goto("/dismissed/")
    expect(page.locator(".entry")).to_have_count(2)
    assert (findings(page), sideways(page)) == ([], 0)


def test_personalisation_is_switched_off_on_the_account_page(page: Page) -> None:
    page.goto("/")
    page.goto("/account/")
    page.get_by_role("button", name="Switch personalisation off").click()
    expect(page.get_by_role("button", name="Personalise my feed")).to_be_visible()
    page.get_by_role("button", name="Personalise my feed").click()
    expect(page.get_by_role("button", name="Switch personalisation off")).to_be_visible()


def test_a_browser_that_asks_for_privacy_is_told_that_it_is_heard(new_context: NewContext) -> None:
    page = new_context(extra_http_headers={"Sec-GPC": "1"}).new_page()
    page.goto("/account/")
    expect(page.get_by_text("Global Privacy Control")).to_be_visible()
    assert findings(page) == []
