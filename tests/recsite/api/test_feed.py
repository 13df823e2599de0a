from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.test import Client

from catalog.models import Reader
from feedback.models import Interaction, Slate
from recsite import clock
from tests.factories import make_item, make_topic

pytestmark = pytest.mark.django_db
FIELDS = {"id", "external_id", "title", "summary", "topics", "url", "position", "token"}


def test_a_page_of_the_feed_has_the_promised_fields(browser: Client) -> None:
    item = make_item("The Long Tide", summary="About the sea.", topics=["Sailing", "Sea"])
    page = browser.get("/api/v1/feed").json()
    assert set(page) == {"slate", "release", "fallback", "items", "next"}
    (card,) = page["items"]
    assert set(card) == FIELDS
    assert card["id"] == item.pk
    assert card["external_id"] == item.external_id
    assert (card["title"], card["summary"]) == ("The Long Tide", "About the sea.")
    assert set(card["topics"]) == {"sailing", "sea"}
    assert card["url"] == f"{item.get_absolute_url()}?s={card['token']}"
    assert card["position"] == 0
    assert page["release"] is None
    assert page["fallback"] == "no release"
    assert page["next"] is None


def test_the_slate_is_recorded_as_it_was_sent(browser: Client) -> None:
    for _ in range(3):
        make_item()
    page = browser.get("/api/v1/feed").json()
    slate = Slate.objects.get(pk=page["slate"])
    assert slate.items == [card["id"] for card in page["items"]]


def test_pages_follow_each_other_without_repeating_an_item(browser: Client) -> None:
    items = {make_item().pk for _ in range(7)}
    first = browser.get("/api/v1/feed", {"limit": 3}).json()
    second = browser.get("/api/v1/feed", {"limit": 3, "cursor": first["next"]}).json()
    third = browser.get("/api/v1/feed", {"limit": 3, "cursor": second["next"]}).json()
    shown = [card for page in (first, second, third) for card in page["items"]]
    assert {card["id"] for card in shown} == items
    assert [card["position"] for card in shown] == list(range(7))
    assert third["next"] is None


@pytest.mark.parametrize("cursor", ["x", "a:b:c", "\0", "é", "x" * 5_000])
def test_a_cursor_that_is_not_ours_is_refused_by_name(browser: Client, cursor: str) -> None:
    response = browser.get("/api/v1/feed", {"cursor": cursor})
    assert (response.status_code, response.json()["reason"]) == (422, "bad_cursor")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many", "1e9", "9" * 5_000, ""])
def test_a_limit_out_of_range_is_refused_by_name(browser: Client, limit: str) -> None:
    response = browser.get("/api/v1/feed", {"limit": limit})
    assert (response.status_code, response.json()["reason"]) == (422, "bad_parameter")
    assert "limit" in response.json()["detail"]


def test_a_server_gets_the_feed_of_the_reader_it_names(server: Client) -> None:
    topic = make_topic("Jazz")
    wanted = make_item("In German", language="de", topics=["Jazz"])
    make_item("In English", language="en")
    reader = Reader.objects.create(external_id="customer 7", languages=["de"], created_at=clock.now())
    reader.followed_topics.add(topic)
    response = server.get("/api/v1/feed", {"reader": "customer 7"})
    assert [card["id"] for card in response.json()["items"]] == [wanted.pk]
    assert Slate.objects.get().reader_public_id == reader.public_id
    assert not response.cookies


def test_a_reader_that_a_server_names_is_made_on_first_use(server: Client) -> None:
    make_item()
    for _ in range(2):
        assert server.get("/api/v1/feed", {"reader": "  new   one "}).status_code == 200
    assert Reader.objects.get().external_id == "new one"


def test_what_a_server_reports_leaves_the_next_feed(server: Client) -> None:
    items = [make_item() for _ in range(3)]
    now = clock.now() - timedelta(minutes=1)
    reader = Reader.objects.create(external_id="7", created_at=now)
    Interaction.objects.create(
        reader=reader, kind="dismiss", item=items[0], happened_at=now, received_at=now, reader_bucket=0
    )
    shown = {card["id"] for card in server.get("/api/v1/feed", {"reader": "7"}).json()["items"]}
    assert shown == {items[1].pk, items[2].pk}


def test_a_page_is_served_without_tokens_when_recording_fails(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise DatabaseError("no room")

    item = make_item()
    monkeypatch.setattr("recsite.slate_log.record_slate", fail)
    page = browser.get("/api/v1/feed").json()
    assert page["slate"] is None
    assert [(card["token"], card["url"]) for card in page["items"]] == [(None, item.get_absolute_url())]


def test_an_empty_catalogue_is_an_empty_page(browser: Client) -> None:
    page = browser.get("/api/v1/feed").json()
    assert (page["slate"], page["items"], page["next"]) == (None, [], None)


def test_similar_items_share_topics(browser: Client) -> None:
    item = make_item(topics=["Jazz"])
    near = make_item(topics=["Jazz"])
    make_item(topics=["Chess"])
    page = browser.get(f"/api/v1/items/{item.pk}/similar").json()
    assert set(page) == {"slate", "release", "fallback", "items"}
    assert [card["id"] for card in page["items"]] == [near.pk]
    assert set(page["items"][0]) == FIELDS
    assert Slate.objects.get().surface == "similar"


@pytest.mark.parametrize("item_id", [0, -1, 10**6, 10**30])
def test_an_item_that_does_not_exist_has_none_like_it(browser: Client, item_id: int) -> None:
    response = browser.get(f"/api/v1/items/{item_id}/similar")
    assert (response.status_code, response.json()["reason"]) == (404, "unknown_item")


def test_a_hidden_item_has_none_like_it(browser: Client) -> None:
    assert browser.get(f"/api/v1/items/{make_item(hidden=True).pk}/similar").status_code == 404


def test_an_id_that_is_no_number_is_refused_by_name(browser: Client) -> None:
    response = browser.get("/api/v1/items/seven/similar")
    assert (response.status_code, response.json()["reason"]) == (422, "bad_parameter")
