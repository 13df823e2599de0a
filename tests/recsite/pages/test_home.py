from __future__ import annotations

import pytest
from django.test import Client

from catalog.models import Reader
from feedback.models import Interaction
from recsite.pages.home import PAGE_SIZE
from tests.factories import make_item, make_topic

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def test_the_feed_scrolls_to_its_end_without_a_repeat(client: Client) -> None:
    everything = {make_item(age_days=days).pk for days in range(1, 2 * PAGE_SIZE + 6)}
    seen: list[int] = []
    address = "/"
    while address:
        context = client.get(address, headers=HTMX).context
        seen += [card.item.pk for card in context["cards"]]
        address = context["next_url"]
    assert len(seen) == len(set(seen))
    assert set(seen) == everything
    assert context["is_end"]


def test_an_item_published_while_somebody_scrolls_moves_nothing(client: Client) -> None:
    for days in range(2, PAGE_SIZE + 10):
        make_item(age_days=days)
    first = client.get("/").context
    make_item(age_days=1)
    second = client.get(first["next_url"]).context
    shown = [card.item.pk for card in (*first["cards"], *second["cards"])]
    assert len(shown) == len(set(shown)) == PAGE_SIZE + 9


def test_htmx_gets_only_the_next_cards_and_a_browser_the_whole_page(client: Client) -> None:
    make_item()
    assert b"<html" not in client.get("/", headers=HTMX).content
    assert b"<html" in client.get("/").content


def test_why_a_card_is_here_is_told_with_what_the_feed_goes_by(client: Client) -> None:
    make_item()
    assert b"Your feed follows what you read" in client.get("/").content
    without_personalisation = client.get("/", headers={"Sec-GPC": "1"}).content
    assert b"Your feed shows what is popular and new." in without_personalisation


@pytest.mark.parametrize("path", ["/", "/topics/jazz/", "/search/?q=jazz", "/saved/"])
def test_caches_are_told_that_htmx_gets_another_answer(client: Client, path: str) -> None:
    make_item("Jazz", topics=["Jazz"])
    assert "HX-Request" in client.get(path)["Vary"]


def test_a_cursor_that_we_did_not_make_leads_to_the_beginning(client: Client) -> None:
    response = client.get("/?cursor=made-up")
    assert (response.status_code, response["Location"]) == (302, "/")


def test_the_end_offers_topics_not_seen_yet(client: Client) -> None:
    make_item(topics=["Jazz"])
    make_item(topics=["Birds"], language="de")
    context = client.get("/", headers={"Accept-Language": "en"}).context
    assert [topic.name for topic in context["topics_unseen"]] == ["Birds"]


def test_the_browsers_language_is_the_first_guess(client: Client) -> None:
    german = make_item(language="de")
    make_item(language="en")
    cards = client.get("/", headers={"Accept-Language": "de-AT,de;q=0.9"}).context["cards"]
    assert [card.item.pk for card in cards] == [german.pk]


def test_a_browser_of_a_language_that_we_do_not_have_sees_everything(client: Client) -> None:
    make_item(language="de")
    assert len(client.get("/", headers={"Accept-Language": "fi"}).context["cards"]) == 1


def test_the_first_visit_offers_a_choice_and_the_next_does_not(client: Client) -> None:
    make_item(topics=["Jazz"])
    assert client.get("/").context["show_welcome"]
    client.post("/welcome/", {"topics": ["jazz"], "languages": ["en"]})
    assert "show_welcome" not in client.get("/").context
    reader = Reader.objects.get()
    assert [topic.slug for topic in reader.followed_topics.all()] == ["jazz"]
    assert reader.languages == ["en"]


def test_skipping_is_a_choice_too(client: Client) -> None:
    make_item(topics=["Jazz"])
    client.get("/")
    client.post("/welcome/", {"topics": ["jazz"], "skip": "1"})
    assert "show_welcome" not in client.get("/").context
    assert not Reader.objects.get().followed_topics.exists()


def test_a_choice_can_be_changed(client: Client) -> None:
    for name in ("Jazz", "Birds"):
        make_topic(name)
    client.get("/")
    client.post("/welcome/", {"topics": ["jazz"]})
    client.post("/welcome/", {"topics": ["birds"]})
    assert [topic.slug for topic in Reader.objects.get().followed_topics.all()] == ["birds"]
    assert Interaction.objects.standing().count() == 1


def test_a_choice_without_our_cookie_makes_no_reader_and_says_why(client: Client) -> None:
    make_topic("Jazz")
    response = client.post("/welcome/", {"topics": ["jazz"]})
    assert response.status_code == 400
    assert b"cookie" in response.content
    assert Reader.objects.count() == 0


def test_the_feed_below_the_choice_already_follows_it(client: Client) -> None:
    chosen = make_item(topics=["Jazz"], age_days=100)
    make_item(topics=["Birds"], age_days=1)
    cards = client.get("/?topics=jazz", headers=HTMX).context["cards"]
    assert cards[0].item.pk == chosen.pk
    assert cards[0].reason == "From Jazz, which you follow"


def test_an_empty_site_has_a_front_page(client: Client) -> None:
    assert client.get("/").status_code == 200
