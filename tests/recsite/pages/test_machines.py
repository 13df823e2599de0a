from __future__ import annotations

from xml.etree import ElementTree

import pytest
from django.test import Client

from tests.factories import make_item

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def test_the_atom_feed_lists_the_newest_first_and_hides_what_is_hidden(client: Client) -> None:
    make_item("Old", age_days=9)
    make_item("New & improved", age_days=1, author="Ida Blom", topics=["Jazz"])
    make_item("Hidden", hidden=True)
    feed = ElementTree.fromstring(client.get("/feed.atom").content)
    assert [entry.findtext(f"{ATOM}title") for entry in feed.iter(f"{ATOM}entry")] == ["New & improved", "Old"]


def test_markup_in_a_summary_reaches_feed_readers_as_text(client: Client) -> None:
    make_item(summary="<img src=x onerror=alert(1)>")
    feed = ElementTree.fromstring(client.get("/feed.atom").content)
    summary = next(feed.iter(f"{ATOM}summary"))
    assert (summary.get("type"), summary.text) == ("html", "&lt;img src=x onerror=alert(1)&gt;")


def test_a_topic_has_a_feed_of_its_own(client: Client) -> None:
    make_item("In", topics=["Jazz"])
    make_item("Out", topics=["Birds"])
    feed = ElementTree.fromstring(client.get("/topics/jazz/feed.atom").content)
    assert [entry.findtext(f"{ATOM}title") for entry in feed.iter(f"{ATOM}entry")] == ["In"]


def test_the_sitemap_leads_to_every_visible_item(client: Client) -> None:
    item = make_item(topics=["Jazz"])
    hidden = make_item(hidden=True)
    index = ElementTree.fromstring(client.get("/sitemap.xml").content)
    sections = [element.text or "" for element in index.iter(f"{SITEMAP}loc")]
    pages = "".join(client.get(section.removeprefix("http://testserver")).content.decode() for section in sections)
    assert item.get_absolute_url() in pages
    assert "/topics/jazz/" in pages
    assert hidden.get_absolute_url() not in pages


def test_robots_are_kept_from_personal_pages_and_told_of_the_sitemap(client: Client) -> None:
    content = client.get("/robots.txt").content.decode()
    assert "Disallow: /account/" in content
    assert "Sitemap: http://testserver/sitemap.xml" in content


def test_a_cover_is_an_image_that_may_be_kept_anywhere(client: Client) -> None:
    response = client.get("/covers/jazz/12.svg")
    assert response["Content-Type"] == "image/svg+xml"
    assert "public" in response["Cache-Control"]
    assert "Cookie" not in response.get("Vary", "")


def test_browsers_that_ask_for_the_usual_icon_find_ours(client: Client) -> None:
    assert client.get("/favicon.ico")["Location"] == "/static/favicon.svg"


def test_the_service_worker_governs_the_whole_site(client: Client) -> None:
    response = client.get("/sw.js")
    assert response["Content-Type"].startswith("text/javascript")
    assert b"/offline/" in response.content


def test_the_content_security_policy_allows_nothing_inline(client: Client) -> None:
    policy = client.get("/")["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/items/nowhere/", "/topics/nowhere/", "/authors/nowhere/", "/nowhere/"])
def test_what_does_not_exist_is_a_friendly_404(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert b"<h1" in response.content


def test_topics_in_any_script_have_an_address(client: Client) -> None:
    make_item("قصيدة", topics=["شعر"])
    assert client.get("/topics/شعر/").status_code == 200


@pytest.mark.parametrize("page", ["0", "-1", "x", "999999999999", "²"])
def test_a_page_number_that_is_none_is_the_first_page(client: Client, page: str) -> None:
    make_item("A jazz evening", topics=["Jazz"])
    assert len(client.get(f"/topics/jazz/?page={page}").context["cards"]) in {0, 1}
    assert client.get(f"/search/?q=jazz&page={page}").status_code == 200
