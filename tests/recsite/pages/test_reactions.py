from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.test import Client

from catalog.models import Item, Reader
from feedback.models import Interaction
from feedback.surfaces import Surface
from feedback.tokens import GOOD_FOR, Token, reader_tag, write_tokens
from feedback.uuid7 import make_uuid7
from recsite import clock
from tests.factories import make_item, make_topic

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
REACTIONS = ["like", "save", "dismiss", "already_seen", "hide_topic", "hide_author"]


@pytest.fixture
def item(client: Client) -> Item:
    client.get("/")
    return make_item("The Long Tide", topics=["Sailing"], author="Ida Blom")


def react(client: Client, item: Item, kind: str, **fields: str) -> str:
    """The answer to one press of a button, as htmx gets it."""
    form = {"kind": kind, "topic": "sailing"} | fields
    response = client.post(f"{item.get_absolute_url()}react/", form, headers=HTMX)
    assert response.status_code == 200
    return response.content.decode()


def token_for(item: Item, *, public_id: uuid.UUID, age: timedelta = timedelta(0)) -> str:
    token = Token(
        slate_id=make_uuid7(clock.now() - age),
        visit_id=uuid.uuid4(),
        position=7,
        item_id=item.pk,
        surface=Surface.HOME,
        reader_bucket=1,
        reader_tag=reader_tag(public_id),
    )
    return write_tokens([token])[0]


@pytest.mark.parametrize("kind", sorted(REACTIONS))
def test_a_reaction_stands_until_it_is_taken_back(client: Client, item: Item, kind: str) -> None:
    react(client, item, kind)
    react(client, item, kind)
    assert [act.kind for act in Interaction.objects.standing()] == [kind]
    react(client, item, kind, undo="1")
    assert not Interaction.objects.standing().exists()
    assert Interaction.objects.count() == 1


@pytest.mark.parametrize("kind", sorted(REACTIONS))
def test_the_page_of_the_item_shows_what_stands(client: Client, item: Item, kind: str) -> None:
    assert 'aria-pressed="true"' not in client.get(item.get_absolute_url()).content.decode()
    react(client, item, kind)
    assert client.get(item.get_absolute_url()).content.decode().count('aria-pressed="true"') == 1


def test_a_button_comes_back_pressed(client: Client, item: Item) -> None:
    assert 'aria-pressed="true"' in react(client, item, "like")
    assert 'aria-pressed="false"' in react(client, item, "like", undo="1")


def test_a_card_gets_words_and_a_way_back_and_after_that_nothing(client: Client, item: Item) -> None:
    assert "Undo" in react(client, item, "dismiss", part="card")
    assert react(client, item, "dismiss", part="card", undo="1").strip() == ""


def test_without_a_script_a_reaction_goes_back_to_its_page_and_says_how_to_undo_it(client: Client, item: Item) -> None:
    form = {"kind": "dismiss", "next": "/topics/"}
    response = client.post(f"{item.get_absolute_url()}react/", form)
    assert response["Location"] == "/topics/"
    assert '<a href="/dismissed/">' in client.get("/topics/").content.decode()


def test_a_form_never_leads_off_the_site(client: Client, item: Item) -> None:
    form = {"kind": "save", "next": "https://evil.example/"}
    assert client.post(f"{item.get_absolute_url()}react/", form)["Location"] == item.get_absolute_url()


def test_saved_items_stand_on_their_page(client: Client, item: Item) -> None:
    react(client, item, "save")
    assert [card.item for card in client.get("/saved/").context["cards"]] == [item]
    react(client, item, "save", undo="1")
    assert client.get("/saved/").context["cards"] == []


@pytest.mark.parametrize("kind", ["", "click", "view", "follow", "made-up"])
def test_what_is_no_reaction_is_refused(client: Client, item: Item, kind: str) -> None:
    assert client.post(f"{item.get_absolute_url()}react/", {"kind": kind}).status_code == 400
    assert not Interaction.objects.exists()


def test_what_does_not_exist_cannot_be_hidden(client: Client, item: Item) -> None:
    nobodys = make_item()
    react_url = f"{nobodys.get_absolute_url()}react/"
    assert client.post(react_url, {"kind": "hide_author"}).status_code == 404
    assert client.post(react_url, {"kind": "hide_topic", "topic": "nowhere"}).status_code == 404
    assert client.post("/topics/nowhere/hide/").status_code == 404


def test_a_reaction_without_our_cookie_makes_no_reader(item: Item) -> None:
    for path in (f"{item.get_absolute_url()}react/", "/topics/sailing/hide/", "/authors/ida-blom/hide/"):
        assert Client().post(path, {"kind": "like"}).status_code == 400
    assert Reader.objects.count() == 0


def test_a_reaction_by_link_is_refused(client: Client, item: Item) -> None:
    assert client.get(f"{item.get_absolute_url()}react/?kind=like").status_code == 405


def test_the_token_of_a_card_says_where_the_reaction_came_from(client: Client, item: Item) -> None:
    react(client, item, "like")
    reader = Reader.objects.get()
    react(client, item, "dismiss", token=token_for(item, public_id=reader.public_id))
    dismissal = Interaction.objects.get(kind="dismiss")
    assert (dismissal.surface, dismissal.position, dismissal.reader_bucket) == ("home", 7, 1)


def test_a_token_that_does_not_fit_is_no_origin_and_no_obstacle(client: Client, item: Item) -> None:
    react(client, item, "like")
    own = Reader.objects.get().public_id
    tokens = {
        "like": "made-up",
        "save": token_for(item, public_id=uuid.uuid4()),
        "dismiss": token_for(make_item(), public_id=own),
        "already_seen": token_for(item, public_id=own, age=GOOD_FOR + timedelta(minutes=1)),
    }
    for kind, token in tokens.items():
        react(client, item, kind, token=token)
    assert set(Interaction.objects.values_list("kind", "surface", "slate_id")) == {
        (kind, "direct", None) for kind in tokens
    }


def test_topics_and_authors_are_hidden_where_no_item_stands_for_them(client: Client) -> None:
    make_topic("Jazz")
    client.get("/")
    client.post("/topics/jazz/hide/")
    assert Interaction.objects.standing().get().kind == "hide_topic"
    client.post("/topics/jazz/hide/", {"undo": "1"})
    assert not Interaction.objects.standing().exists()
