"""Every page that shows cards records what it shows, and a click says from which card it came."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.http import HttpResponse
from django.test import Client

from catalog.models import Item
from feedback.models import Interaction, Slate, SlateDetail
from feedback.slates import ServedSlate
from feedback.tokens import Token, read_token
from recsite import clock, metrics, slate_log
from tests.factories import make_author, make_item

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def items() -> list[Item]:
    return [
        make_item(f"About rivers {n}", topics=["Rivers"], author="Ida Blom", published_at=clock.now() - timedelta(n))
        for n in range(1, 5)
    ]


@pytest.fixture
def reader(client: Client) -> Client:
    """A browser that has our cookie."""
    client.get("/")
    Slate.objects.all().delete()
    return client


def tokens_of(response: HttpResponse) -> list[str]:
    return re.findall(r'data-token="([^"]+)"', response.content.decode())


def first_token(response: HttpResponse) -> Token:
    return read_token(tokens_of(response)[0], now=clock.now())


@pytest.mark.parametrize(
    ("address", "served"),
    [
        ("/", ("home", "mix", "no release")),
        ("/topics/rivers/", ("topic", "newest of topic", None)),
        ("/authors/ida-blom/", ("topic", "newest of author", None)),
        ("/search/?q=rivers", ("search", "search", None)),
    ],
)
def test_each_page_of_cards_is_a_recorded_slate(
    reader: Client, items: list[Item], address: str, served: tuple[str, str, str | None]
) -> None:
    response = reader.get(address)
    slate = Slate.objects.get()
    assert (slate.surface, slate.policy, slate.fallback) == served
    assert slate.release is None
    assert set(slate.items) == {item.pk for item in items}
    tokens = [read_token(text, now=clock.now()) for text in dict.fromkeys(tokens_of(response))]
    assert [(token.slate_id, token.position, token.item_id) for token in tokens] == [
        (slate.id, position, item_id) for position, item_id in enumerate(slate.items)
    ]


def test_similar_items_are_a_slate_of_their_own(reader: Client, items: list[Item]) -> None:
    reader.get(items[0].get_absolute_url())
    slate = Slate.objects.get()
    assert (slate.surface, set(slate.items)) == ("similar", {item.pk for item in items[1:]})


def test_pages_of_one_sitting_are_one_visit_and_the_next_page_goes_on_where_the_first_ended(client: Client) -> None:
    for n in range(30):
        make_item(published_at=clock.now() - timedelta(days=n + 1))
    first = client.get("/")
    cursor = re.search(r"cursor=([^\"&]+)", first.content.decode())
    assert cursor is not None
    client.get(f"/?cursor={cursor[1]}")
    one, two = Slate.objects.order_by("first_position")
    assert (one.first_position, two.first_position, one.visit_id) == (0, 24, two.visit_id)
    assert two.removed == {"shown": 24}


def test_the_log_says_what_was_left_out_and_how_the_screen_was(reader: Client, items: list[Item]) -> None:
    reader.cookies["columns"] = "4"
    reader.post(f"{items[0].get_absolute_url()}react/", {"kind": "dismiss"})
    reader.get("/")
    slate, detail = Slate.objects.get(), SlateDetail.objects.get()
    assert (slate.columns, slate.removed) == (4, {"dismissed": 1})
    assert (detail.removed_items, detail.removed_reasons) == ([items[0].pk], ["dismissed"])
    assert detail.union_items == slate.items


@pytest.mark.parametrize("columns", ["0", "13", "four", "-1", "4" * 99])
def test_a_screen_that_cannot_be_is_not_believed(reader: Client, items: list[Item], columns: str) -> None:
    reader.cookies["columns"] = columns
    reader.get("/")
    assert Slate.objects.get().columns is None


def test_a_page_is_served_without_tokens_when_recording_fails_and_it_is_counted(
    reader: Client, items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_slate: ServedSlate, *, detail_share: float) -> None:
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(slate_log, "record_slate", fail)
    before = metrics.SLATES_NOT_RECORDED.labels("home")._value.get()
    response = reader.get("/")
    assert response.status_code == 200
    assert items[0].title in response.content.decode()
    assert tokens_of(response) == []
    assert metrics.SLATES_NOT_RECORDED.labels("home")._value.get() == before + 1


def test_a_click_names_its_card(reader: Client, items: list[Item]) -> None:
    token = first_token(response := reader.get("/"))
    item = Item.objects.get(pk=token.item_id)
    reader.get(f"{item.get_absolute_url()}?s={tokens_of(response)[0]}")
    click = Interaction.objects.get()
    assert (click.kind, click.surface, click.position, click.slate_id) == ("click", "home", 0, token.slate_id)
    assert click.visit_id == token.visit_id


def test_the_same_card_opened_again_is_the_same_click(reader: Client, items: list[Item]) -> None:
    token = tokens_of(reader.get("/"))[0]
    item = Item.objects.get(pk=read_token(token, now=clock.now()).item_id)
    for _ in range(3):
        reader.get(f"{item.get_absolute_url()}?s={token}")
    assert Interaction.objects.count() == 1


@pytest.mark.parametrize("text", ["nonsense", "", "a" * 5000])
def test_a_click_with_a_token_that_is_none_is_direct(reader: Client, items: list[Item], text: str) -> None:
    assert reader.get(f"{items[0].get_absolute_url()}?s={text}").status_code == 200
    assert Interaction.objects.values_list("surface", "slate_id").get() == ("direct", None)


def test_a_link_that_was_passed_on_does_not_make_its_finder_the_reader_of_the_slate(
    reader: Client, items: list[Item]
) -> None:
    token = tokens_of(reader.get("/"))[0]
    item = Item.objects.get(pk=read_token(token, now=clock.now()).item_id)
    finder = Client()
    finder.get("/")
    finder.get(f"{item.get_absolute_url()}?s={token}")
    assert Interaction.objects.values_list("surface", "slate_id").get() == ("direct", None)


def test_a_browser_without_our_cookie_and_one_that_fetches_ahead_click_nothing(
    reader: Client, items: list[Item]
) -> None:
    token = tokens_of(reader.get("/"))[0]
    address = f"{items[0].get_absolute_url()}?s={token}"
    Client().get(address)
    reader.get(address, headers={"Sec-Purpose": "prefetch"})
    reader.head(address)
    assert not Interaction.objects.exists()


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Sec-GPC": "1"}, "personalisation_off"),
        ({"User-Agent": "Examplebot/2.1"}, "bot"),
        ({"Sec-Purpose": "prefetch;prerender"}, "preview"),
        ({}, None),
    ],
)
def test_a_slate_says_why_it_teaches_nothing(
    reader: Client, items: list[Item], headers: dict[str, str], reason: str | None
) -> None:
    reader.get("/", headers=headers)
    assert Slate.objects.get().excluded == reason


def test_what_staff_see_teaches_nothing(admin_client: Client, items: list[Item]) -> None:
    admin_client.get("/")
    assert set(Slate.objects.values_list("excluded", flat=True)) == {"staff"}


def test_a_search_is_remembered_once_with_the_slate_that_answered(reader: Client, items: list[Item]) -> None:
    for _ in range(2):
        reader.get("/search/?q=rivers")
    search = Interaction.objects.get()
    assert (search.kind, search.query, search.surface) == ("search", "rivers", "search")
    assert Slate.objects.filter(pk=search.slate_id).exists()


def test_what_was_dismissed_is_not_on_the_pages_of_its_topic_and_author_and_search_still_finds_it(
    reader: Client, items: list[Item]
) -> None:
    gone = items[1]
    reader.post(f"{gone.get_absolute_url()}react/", {"kind": "dismiss"})
    for address in ("/", "/topics/rivers/", make_author("Ida Blom").get_absolute_url(), items[0].get_absolute_url()):
        assert gone.title not in reader.get(address).content.decode()
    assert gone.get_absolute_url() in reader.get("/search/?q=rivers").content.decode()
