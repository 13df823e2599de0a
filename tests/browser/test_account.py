from __future__ import annotations

import re
import secrets

from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext
from tests.browser.site import Site

PASSWORD = "a long walk by the river"


def sign_up(page: Page) -> str:
    email = f"reader-{secrets.token_hex(4)}@example.org"
    page.goto("/account/signup/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page).to_have_url(re.compile(r"/$"))
    return email


def log_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.goto("/account/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def open_first_item(page: Page) -> str:
    page.goto("/")
    link = page.locator("[data-feed] .card-title a").first
    title = link.inner_text()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    return title


def test_signing_up_keeps_history_and_saved(page: Page) -> None:
    title = open_first_item(page)
    page.locator("form.save button").first.click()
    expect(page.locator("form.save button").first).to_have_attribute("aria-pressed", "true")
    sign_up(page)
    page.goto("/history/")
    expect(page.locator(".entry-title")).to_have_text([title])
    page.goto("/saved/")
    expect(page.locator(".card-title")).to_have_text([title])


def test_logging_in_elsewhere_asks_before_merging(page: Page, new_context: NewContext) -> None:
    first = open_first_item(page)
    email = sign_up(page)
    other = new_context().new_page()
    other.goto("/")
    other.locator("[data-feed] .card-title a").nth(5).click()
    other.wait_for_url("**/items/**")
    second = other.get_by_role("heading", level=1).inner_text()
    log_in(other, email)
    other.wait_for_url("**/account/merge/**")
    other.get_by_role("button").filter(has_text=re.compile("yes|add|bring|merge", re.IGNORECASE)).first.click()
    other.goto("/history/")
    expect(other.locator(".entry-title")).to_have_text([second, first])


def test_after_logging_out_nobody_sees_the_history(page: Page) -> None:
    open_first_item(page)
    sign_up(page)
    page.goto("/account/")
    page.get_by_role("button", name="Log out").click()
    page.goto("/history/")
    expect(page.locator(".entry-title")).to_have_count(0)


def test_a_forgotten_password_is_set_anew_by_the_link_in_the_mail(page: Page, site: Site) -> None:
    email = sign_up(page)
    page.context.clear_cookies()
    page.goto("/account/password/reset/")
    page.get_by_label("Email").fill(email)
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_url("**/done/")
    link = re.search(r"http://\S+/account/password/reset/\S+", site.newest_mail())
    assert link is not None
    page.goto(link[0])
    new = "another walk by another river"
    for field in page.locator("input[type=password]").all():
        field.fill(new)
    page.get_by_role("main").get_by_role("button").click()
    page.wait_for_url("**/account/login/")
    log_in(page, email, new)
    expect(page).to_have_url(re.compile(r"/$"))


def test_a_wrong_password_is_said_in_words(page: Page) -> None:
    log_in(page, "nobody@example.org", "not this one either")
    expect(page.get_by_role("alert")).to_contain_text("do not match")


def test_history_can_be_removed_and_put_back(page: Page) -> None:
    open_first_item(page)
    page.goto("/history/")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Removed. It no longer counts.")).to_be_visible()
    page.get_by_role("button", name="Put back").click()
    expect(page.get_by_role("button", name="Remove")).to_be_visible()


def test_my_data_can_be_taken_along_and_deleted(page: Page) -> None:
    title = open_first_item(page)
    page.goto("/account/")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("data", re.IGNORECASE)).first.click()
    assert title in download.value.path().read_text(encoding="utf-8")
    page.goto("/account/delete/")
    page.get_by_role("main").get_by_role("button").first.click()
    page.goto("/history/")
    expect(page.locator(".entry-title")).to_have_count(0)
