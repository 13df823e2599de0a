from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.template import Context, Template

from catalog.models import Author, Item, Topic

ITEM = Item(pk=7, title='The "<b>" element', slug="b", author=Author(pk=3, name="Ann & Bob", slug="ann-bob"))
TOPIC = Topic(pk=9, name="Craft & tools", slug="craft")
REQUEST = SimpleNamespace(get_full_path=lambda: "/?a=1&b=2", htmx=None)


def rendered(tag: str, **names: Any) -> str:
    context = Context({"item": ITEM, "topic": TOPIC, "request": REQUEST, "csrf_token": "secret"} | names)
    return " ".join(Template("{% load buttons %}{% " + tag + " %}").render(context).split())


@pytest.mark.parametrize("kind", ["save", "like", "dismiss", "already_seen", "hide_topic", "hide_author"])
def test_every_reaction_says_where_it_is_sent_and_comes_back_to(kind: str) -> None:
    button = rendered(f"reaction '{kind}' '/react/' item 'token' about=topic")
    assert 'action="/react/" hx-post="/react/"' in button
    assert f'name="kind" value="{kind}"' in button
    assert 'name="next" value="/?a=1&amp;b=2"' in button
    assert 'name="csrfmiddlewaretoken" value="secret"' in button
    assert 'name="token" value="token"' in button


def test_a_pressed_button_takes_back() -> None:
    pressed, other = (rendered(f"reaction 'like' '/react/' item 'token' on={on}") for on in (True, False))
    assert 'aria-pressed="true"' in pressed
    assert 'name="undo" value="1"' in pressed
    assert 'aria-pressed="false"' in other
    assert 'name="undo" value="0"' in other


def test_names_are_escaped() -> None:
    assert "The &#34;&lt;b&gt;&#34; element" in rendered("reaction 'save' '/react/' item 'token'")
    assert "<bdi>Ann &amp; Bob</bdi>" in rendered("reaction 'hide_author' '/react/' item 'token'")
    assert "<bdi>Craft &amp; tools</bdi>" in rendered("reaction 'hide_topic' '/react/' item 'token' about=topic")
    assert '<bdi class="follow-name">Ann &amp; Bob</bdi>' in rendered("follow_button '/follow/' item.author.name")


def test_what_is_hidden_is_named_by_its_own_key() -> None:
    assert 'data-toggle="hide_topic-9"' in rendered("reaction 'hide_topic' '/react/' item 'token' about=topic")
    assert 'name="topic" value="craft"' in rendered("reaction 'hide_topic' '/react/' item 'token' about=topic")
    assert 'data-toggle="hide_author-3"' in rendered("reaction 'hide_author' '/react/' item 'token'")
    assert 'data-toggle="dismiss-7"' in rendered("reaction 'dismiss' '/react/' item 'token'")


def test_without_a_request_that_can_be_forged_there_is_no_proof_against_it() -> None:
    assert "csrfmiddlewaretoken" not in rendered("follow_button '/follow/' 'Ann'", csrf_token="NOTPROVIDED")
