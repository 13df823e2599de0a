"""The documentation of the API, under the content security policy and with nothing from elsewhere."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.site import Site


def test_the_documentation_shows_every_call_and_loads_only_from_this_site(page: Page, site: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/api/v1/docs")
    for path in ("/feed", "/items/{id}/similar", "/events", "/items", "/readers"):
        expect(page.locator(f'[data-path="/api/v1{path}"]')).to_be_visible()
    page.locator('[data-path="/api/v1/events"]').first.click()
    expect(page.get_by_text("too_many_events").or_(page.get_by_text("age_ms")).first).to_be_visible()
    assert [url for url in asked if not url.startswith((site.address, "data:"))] == []


def test_a_call_can_be_tried_out(page: Page) -> None:
    page.goto("/")
    page.goto("/api/v1/docs")
    page.locator('[data-path="/api/v1/feed"]').first.click()
    page.get_by_role("button", name="Try it out").click()
    with page.expect_response(lambda response: "/api/v1/feed" in response.url) as answered:
        page.get_by_role("button", name="Execute").click()
    assert answered.value.status == 200
    assert len(answered.value.json()["items"]) == 24
