from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.utils.safestring import SafeString

from catalog.models import Item
from recsite import card_html as page_of_cards
from recsite.card_html import PageParts, card_html
from recsite.cards import Card, load_items, make_card
from tests.factories import NOW, make_item

pytestmark = pytest.mark.django_db


def parts(
    *, inputs: str = '<input name="next" value="/">', now: datetime = NOW, topics: frozenset[int] = frozenset()
) -> PageParts:
    return PageParts(SafeString(inputs), now, topics, frozenset(), "Your feed follows you.")


def card_of(item: Item, **shown: object) -> Card:
    return replace(make_card(load_items([item.pk])[item.pk]), **shown)  # type: ignore[arg-type]


def test_cards_of_one_shape_are_rendered_once_and_each_has_its_own_texts() -> None:
    tides = make_item("Tides", topics=["Sea"], author="Ida Blom", summary="Twice a day")
    dunes = make_item("Dunes", topics=["Sand"], author="Per Holm", summary="Grain by grain")
    first = card_html(card_of(tides, token="one", reason="New"), parts(), level=2)
    rendered = page_of_cards._skeleton.cache_info().misses
    other = card_html(card_of(dunes, token="two", reason="Popular lately"), parts(inputs="<input>"), level=2)
    assert page_of_cards._skeleton.cache_info().misses == rendered
    for text in ("Tides", "Sea", "Ida Blom", "Twice a day", "one", "New", parts().form_inputs):
        assert text in first
        assert text not in other
    for text in ("Dunes", "Sand", "Per Holm", "Grain by grain", "two", "Popular lately", "<input>"):
        assert text in other
        assert text not in first


def test_what_a_page_puts_in_is_escaped() -> None:
    html = card_html(card_of(make_item(), token="t", reason="Because you liked “<b>Tides</b>”"), parts(), level=2)
    assert "“&lt;b&gt;Tides&lt;/b&gt;”" in html
    assert "<b>Tides" not in html


def test_a_summary_that_reads_like_markup_is_text_even_where_a_search_found_the_same_as_markup() -> None:
    item = make_item("Tides", summary="<mark>Tides</mark>")
    found = card_html(card_of(item, snippet=SafeString("<mark>Tides</mark>")), parts(), level=2)
    plain = card_html(card_of(item), parts(), level=2)
    assert "<mark>Tides</mark>" in found
    assert "&lt;mark&gt;Tides&lt;/mark&gt;" in plain
    assert "<mark>" not in plain


@pytest.mark.parametrize(
    "changed",
    [
        {"saved": True},
        {"liked": True},
        {"position": 4},
        {"reason": "New"},
        {"token": "abc"},
        {"reading_minutes": 7},
        {"cover_url": "/covers/other.svg"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whatever_a_card_shows_changes_its_html(changed: dict[str, object]) -> None:
    item = make_item("Tides", topics=["Sea"])
    assert card_html(card_of(item), parts(), level=2) != card_html(card_of(item, **changed), parts(), level=2)


def test_an_item_that_was_changed_is_shown_as_it_is_now() -> None:
    item = make_item("Tides", topics=["Sea"])
    card_html(card_of(item), parts(), level=2)
    Item.objects.filter(pk=item.pk).update(title="Ebb", summary="And flow")
    html = card_html(card_of(item), parts(), level=2)
    assert "Tides" not in html
    assert re.search(r">Ebb</a>", html)
    assert "And flow" in html


def test_followed_topics_are_told_on_their_buttons() -> None:
    item = make_item(topics=["Sea"])
    topic = item.topics.get().pk
    plain, followed = (
        card_html(card_of(item), parts(topics=ids), level=2) for ids in (frozenset(), frozenset({topic}))
    )
    assert 'aria-pressed="true"' not in plain
    assert 'aria-pressed="true"' in followed


def test_how_long_ago_is_told_anew_on_every_day() -> None:
    item = make_item(published_at=NOW - timedelta(days=2))
    card = card_of(item)
    today, tomorrow = (card_html(card, parts(now=NOW + timedelta(days=days)), level=2) for days in (0, 1))
    assert "2 days ago" in today
    assert "3 days ago" in tomorrow
