from __future__ import annotations

from playwright.sync_api import Page, expect
from psycopg import sql

from tests.browser.site import Site

A_TITLE = sql.SQL("SELECT title FROM catalog_item WHERE language = 'en' ORDER BY id LIMIT 1")


def a_title(site: Site) -> str:
    return str(site.query(A_TITLE)[0][0])


def test_words_of_a_title_find_it_and_are_marked(page: Page, site: Site) -> None:
    title = a_title(site)
    page.goto("/")
    page.get_by_role("combobox", name="Search").fill(title)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=*")
    expect(page.locator(".card-title").first).to_have_text(title)


def test_a_hit_in_the_summary_is_marked(page: Page) -> None:
    page.goto("/search/?q=machine")
    expect(page.locator(".card-summary mark").first).to_be_visible()


def test_suggestions_are_reached_with_the_arrow_keys(page: Page) -> None:
    page.goto("/")
    box = page.get_by_role("combobox", name="Search")
    box.press_sequentially("jaz")
    option = page.get_by_role("option", name="Jazz").first
    expect(option).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(option).to_be_hidden()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/topics/jazz/")


def test_no_result_says_so_and_offers_topics(page: Page) -> None:
    page.goto("/search/?q=xyzzyplugh")
    expect(page.get_by_role("main").get_by_text("xyzzyplugh").first).to_be_visible()
    assert page.get_by_role("main").locator("a[href^='/topics/']").count() > 0


def test_results_go_on_while_scrolling(page: Page) -> None:
    page.goto("/search/?q=the or a or with or night or day or walk or city or bread")
    first = page.locator("[data-item]").count()
    page.keyboard.press("End")
    page.wait_for_function("n => document.querySelectorAll('[data-item]').length > n", arg=first)
    ids = page.locator("[data-item]").evaluate_all("cards => cards.map(card => card.dataset.item)")
    assert len(ids) == len(set(ids))
