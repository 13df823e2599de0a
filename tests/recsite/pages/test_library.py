from __future__ import annotations

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from feedback.models import Interaction
from tests.factories import make_item, make_topic

pytestmark = pytest.mark.django_db


def test_history_can_be_taken_back_and_put_back(client: Client) -> None:
    item = make_item()
    client.get("/")
    client.get(item.get_absolute_url())
    (entry,) = client.get("/history/").context["entries"]
    undo = f"/history/{entry['interaction_id']}/undo/"
    client.post(undo, {"undo": "1"})
    assert client.get("/history/").context["entries"] == []
    client.post(undo, {"undo": "0"})
    assert len(client.get("/history/").context["entries"]) == 1


def test_the_row_taken_back_offers_to_put_it_back(client: Client) -> None:
    client.get("/")
    client.get(make_item().get_absolute_url())
    click = Interaction.objects.get()
    response = client.post(f"/history/{click.pk}/undo/", {"undo": "1"}, headers={"HX-Request": "true"})
    assert response.context["entry"]["undone"]


def test_what_was_already_seen_stands_in_the_history_once_and_is_taken_back_as_a_whole(client: Client) -> None:
    item = make_item()
    client.get("/")
    client.get(item.get_absolute_url())
    client.post(f"{item.get_absolute_url()}react/", {"kind": "already_seen"})
    (entry,) = client.get("/history/").context["entries"]
    assert entry["kind"] == "already_seen"
    undo = f"/history/{entry['interaction_id']}/undo/"
    client.post(undo, {"undo": "1"})
    assert client.get("/history/").context["entries"] == []
    client.post(undo, {"undo": "0"})
    assert {act.kind for act in Interaction.objects.standing()} == {"click", "already_seen"}


def test_putting_back_brings_nothing_that_was_taken_back_before(client: Client) -> None:
    item = make_item()
    client.get("/")
    client.get(item.get_absolute_url())
    client.post(f"{item.get_absolute_url()}react/", {"kind": "already_seen"})
    client.post(f"{item.get_absolute_url()}react/", {"kind": "already_seen", "undo": "1"})
    (entry,) = client.get("/history/").context["entries"]
    undo = f"/history/{entry['interaction_id']}/undo/"
    client.post(undo, {"undo": "1"})
    client.post(undo, {"undo": "0"})
    assert [act.kind for act in Interaction.objects.standing()] == ["click"]


def test_somebody_elses_history_cannot_be_touched(client: Client) -> None:
    client.get("/")
    client.get(make_item().get_absolute_url())
    click = Interaction.objects.get()
    stranger = Client()
    stranger.get("/")
    stranger.get(make_item().get_absolute_url())
    assert stranger.post(f"/history/{click.pk}/undo/", {"undo": "1"}).status_code == 404
    click.refresh_from_db()
    assert click.undone_at is None


def test_a_topic_that_is_followed_stands_on_the_following_page(client: Client) -> None:
    topic = make_topic("Jazz")
    client.get("/")
    client.post("/topics/jazz/follow/")
    assert [entry["topic"] for entry in client.get("/following/").context["topics"]] == [topic]
    client.post("/topics/jazz/follow/", {"undo": "1"})
    assert client.get("/following/").context["topics"] == []


@pytest.mark.parametrize("path", ["/saved/", "/history/", "/dismissed/", "/following/", "/account/"])
def test_pages_of_a_reader_exist_before_there_is_a_reader(client: Client, path: str) -> None:
    assert client.get(path).status_code == 200


def test_a_hidden_item_leaves_history_and_saved(client: Client) -> None:
    item = make_item()
    client.get("/")
    client.get(item.get_absolute_url())
    client.post(f"{item.get_absolute_url()}react/", {"kind": "save"})
    type(item).objects.update(hidden=True)
    assert client.get("/history/").context["entries"] == []
    assert client.get("/saved/").context["cards"] == []


def test_what_was_dismissed_and_hidden_stands_on_one_page_until_it_is_taken_back(client: Client) -> None:
    item = make_item(topics=["Jazz"], author="Ida Blom")
    react = f"{item.get_absolute_url()}react/"
    client.get("/")
    client.post(react, {"kind": "dismiss"})
    client.post(react, {"kind": "hide_topic", "topic": "jazz"})
    client.post(react, {"kind": "hide_author"})
    context = client.get("/dismissed/").context
    assert [entry["card"].item for entry in context["entries"]] == [item]
    assert [topic.slug for topic in context["topics"]] == ["jazz"]
    assert [author.slug for author in context["authors"]] == ["ida-blom"]
    client.post(react, {"kind": "dismiss", "undo": "1"})
    client.post("/topics/jazz/hide/", {"undo": "1"})
    client.post("/authors/ida-blom/hide/", {"undo": "1"})
    context = client.get("/dismissed/").context
    assert (context["entries"], context["topics"], context["authors"]) == ([], [], [])


def test_the_row_shown_again_offers_to_hide_it_again(client: Client) -> None:
    make_topic("Jazz")
    client.get("/")
    client.post("/topics/jazz/hide/")
    answer = client.post("/topics/jazz/hide/", {"undo": "1", "part": "entry"}, headers={"HX-Request": "true"})
    assert "Hide again" in answer.content.decode()


def test_a_demo_says_that_it_asks_for_less_before_a_release_goes_live(client: Client, settings: Settings) -> None:
    settings.DEMO, settings.GATE_READERS, settings.GATE_POSITIVES = True, 50, 200
    assert "on the word of 50 readers and 200 choices" in " ".join(client.get("/history/").content.decode().split())
    settings.DEMO = False
    assert "on the word of" not in client.get("/history/").content.decode()
