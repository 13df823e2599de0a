from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils.html import escape

from feedback.models import Interaction
from recsite import clock
from tests.factories import make_item

pytestmark = pytest.mark.django_db
HOSTILE = [
    "<script>alert('title')</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7|add:7 }} {% now 'Y' %}",
    "شعر الليل الطويل",
    "Rain 🌧️ and 👩‍🚀 in the evening",
    "\u202edesrever si siht",
    "x" * 500,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_any_title_and_summary_is_shown_as_text_on_every_page(client: Client, text: str) -> None:
    item = make_item(text, summary=text, body=text, topics=["Jazz"], author="A")
    client.get("/")
    for path in ("/", item.get_absolute_url(), "/topics/jazz/", "/history/", "/authors/a/"):
        content = client.get(path).content.decode()
        assert escape(text) in content.replace("&#34;", "&quot;").replace("&#39;", "&#x27;"), path
        assert "<script>alert" not in content
        assert "<img src=x" not in content


def test_direction_and_language_are_marked(client: Client) -> None:
    item = make_item("شعر الليل", language="ar")
    assert 'lang="ar" dir="rtl"' in client.get(item.get_absolute_url()).content.decode()


@pytest.mark.parametrize("fields", [{"hidden": True}, {"published_at": clock.now() + timedelta(days=1)}])
def test_an_item_that_may_not_be_shown_has_no_page(client: Client, fields: dict[str, object]) -> None:
    assert client.get(make_item(**fields).get_absolute_url()).status_code == 404


def test_opening_an_item_is_a_click_and_reloading_it_is_none(client: Client) -> None:
    item = make_item()
    client.get("/")
    client.get(item.get_absolute_url())
    client.get(item.get_absolute_url())
    assert Interaction.objects.filter(kind="click", item=item).count() == 1


def test_a_head_request_is_no_click(client: Client) -> None:
    item = make_item()
    client.get("/")
    client.head(item.get_absolute_url())
    assert Interaction.objects.count() == 0


def test_the_page_names_its_one_address_and_its_open_graph_card(client: Client) -> None:
    item = make_item("The Long Tide", summary="About the sea.", topics=["Sailing"])
    content = client.get(f"{item.get_absolute_url()}?s=anything").content.decode()
    assert f'<link rel="canonical" href="http://testserver{item.get_absolute_url()}">' in content
    assert 'property="og:title" content="The Long Tide"' in content
    assert 'property="og:image" content="http://testserver/covers/sailing/' in content


def test_more_like_this_leaves_out_the_item_itself(client: Client) -> None:
    item, other = make_item(topics=["Jazz"]), make_item(topics=["Jazz"])
    assert [card.item.pk for card in client.get(item.get_absolute_url()).context["similar"]] == [other.pk]
