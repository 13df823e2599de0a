"""Reading, clicking, searching and every form, in a browser that runs no script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext


@pytest.fixture
def page(new_context: NewContext) -> Page:
    return new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900}).new_page()


def ids(page: Page) -> list[str]:
    return [str(card.get_attribute("data-item")) for card in page.locator("[data-feed] [data-item]").all()]


def test_the_feed_goes_on_by_a_link(page: Page) -> None:
    page.goto("/")
    first = ids(page)
    page.locator("a.more").click()
    page.wait_for_url("**/?cursor=*")
    second = ids(page)
    assert len(second) == 24
    assert not set(first) & set(second)


def test_an_item_is_read_saved_and_kept_in_history(page: Page) -> None:
    page.goto("/")
    link = page.locator("[data-feed] .card-title a").first
    title = link.inner_text()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.locator("form.save button").first.click()
    expect(page.locator("form.save button").first).to_have_attribute("aria-pressed", "true")
    page.goto("/history/")
    expect(page.locator(".entry-title")).to_have_text([title])
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(".entry-title")).to_have_count(0)


def test_search_works(page: Page) -> None:
    page.goto("/")
    page.locator("input[name=q]").first.fill("bread")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=bread")
    assert page.locator("[data-item]").count() > 0


def test_the_first_choice_works(page: Page) -> None:
    page.goto("/")
    page.locator("input[name=topics]").first.check(force=True)
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("heading", name="For you")).to_be_visible()
    expect(page.locator(".card-reason").first).to_contain_text("which you follow")
