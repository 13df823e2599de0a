from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext
from tests.browser.site import Site

PAGE_SIZE = 24


def card_ids(page: Page) -> list[str]:
    return page.locator("[data-feed] [data-item]").evaluate_all("cards => cards.map(card => card.dataset.item)")


def scroll_until(page: Page, cards: int) -> None:
    while len(card_ids(page)) < cards:
        before = len(card_ids(page))
        page.keyboard.press("End")
        page.wait_for_function("n => document.querySelectorAll('[data-feed] [data-item]').length > n", arg=before)


def test_the_first_visit_offers_topics_and_the_feed_below_follows_at_once(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="What do you like to read?")).to_be_visible()
    with page.expect_response(lambda response: "topics=jazz" in response.url):
        page.get_by_text("Show 12 more topics").click()
        page.locator("input[name=topics][value=jazz]").check(force=True)
    expect(page.locator(".card-reason").first).to_have_text("From Jazz, which you follow")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("heading", name="For you")).to_be_visible()
    expect(page.get_by_role("heading", name="What do you like to read?")).to_have_count(0)
    page.goto("/following/")
    expect(page.get_by_role("main").get_by_text("Jazz").first).to_be_visible()


def test_skipping_is_as_easy_and_is_remembered(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Skip").click()
    expect(page.get_by_role("heading", name="For you")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="For you")).to_be_visible()


def test_three_pages_scroll_in_without_a_repeat(page: Page) -> None:
    page.goto("/")
    scroll_until(page, 3 * PAGE_SIZE)
    ids = card_ids(page)
    assert len(ids) == len(set(ids))


def test_nothing_jumps_while_cards_arrive(page: Page) -> None:
    page.add_init_script(
        """window.shifts = 0;
        new PerformanceObserver(list => {
          for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
        }).observe({type: "layout-shift", buffered: true});"""
    )
    page.goto("/")
    page.wait_for_load_state("networkidle")
    scroll_until(page, 2 * PAGE_SIZE)
    assert page.evaluate("window.shifts") < 0.02


def test_the_feed_ends_honestly(new_context: NewContext) -> None:
    page = new_context(locale="es-ES", viewport={"width": 1440, "height": 2000}).new_page()
    page.goto("/")
    while page.locator(".feed-end").count() == 0:
        page.keyboard.press("End")
        page.wait_for_function(
            "n => document.querySelectorAll('[data-feed] > li').length != n",
            arg=page.locator("[data-feed] > li").count(),
        )
    expect(page.get_by_text("That is everything for now")).to_be_visible()
    ids = card_ids(page)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("with_page_cache", [True, False], ids=["page cache", "no page cache"])
def test_coming_back_from_an_item_shows_the_same_cards_at_the_same_place(page: Page, with_page_cache: bool) -> None:
    page.goto("/")
    page.get_by_role("button", name="Skip").click()
    if not with_page_cache:
        page.evaluate("addEventListener('unload', () => {})")
    scroll_until(page, 2 * PAGE_SIZE)
    before = card_ids(page)
    link = page.locator("[data-feed] .card-title a").nth(30)
    link.scroll_into_view_if_needed()
    title, top = link.inner_text(), page.evaluate("scrollY")
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.go_back()
    expect(page.locator("[data-feed] [data-item]").nth(30)).to_be_attached()
    assert card_ids(page) == before
    page.wait_for_function("top => Math.abs(scrollY - top) < 4", arg=top)
    scroll_until(page, 3 * PAGE_SIZE)
    assert len(card_ids(page)) == len(set(card_ids(page)))


def test_saving_a_card_shows_at_once_and_stays(page: Page) -> None:
    page.goto("/")
    card = page.locator("[data-feed] [data-item]").first
    title = card.locator(".card-title").inner_text()
    card.hover()
    save = card.locator("form.save button")
    save.click()
    expect(card.locator("form.save button")).to_have_attribute("aria-pressed", "true")
    page.goto("/saved/")
    expect(page.locator(".card-title")).to_have_text([title])
    page.locator("form.save button").click()
    expect(page.locator("form.save button")).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(page.locator(".card-title")).to_have_count(0)


def test_everything_on_a_card_works_from_the_keyboard(page: Page) -> None:
    page.goto("/")
    card = page.locator("[data-feed] [data-item]").first
    card.locator("form.save button").focus()
    page.keyboard.press("Enter")
    expect(card.locator("form.save button")).to_have_attribute("aria-pressed", "true")
    menu = card.locator("details[data-menu]").first
    menu.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(menu).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(menu.locator("summary").first).to_be_focused()


def test_the_first_tab_stop_skips_to_the_content(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_following_from_the_menu_of_a_card(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Skip").click()
    card = page.locator("[data-feed] [data-item]").first
    topic = card.locator(".card-topic").inner_text()
    card.hover()
    card.locator("details[data-menu] > summary").first.click()
    follow = card.locator("form.follow button").first
    follow.click()
    expect(card.locator("form.follow button").first).to_have_attribute("aria-pressed", "true")
    page.goto("/following/")
    assert topic.lower() in page.get_by_role("main").inner_text().lower()


def test_losing_the_network_is_said_and_the_offline_page_waits(page: Page, site: Site) -> None:
    page.goto("/")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.context.set_offline(True)
    page.goto("/topics/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("offline")
    page.context.set_offline(False)
    page.goto("/topics/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Topics")
