from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from feedback.surfaces import Surface
from ranking.reasons import Reason, Why
from recsite.cards import slate_cards
from recsite.slates import Policy, Slate, SlateEntry
from tests.factories import make_author, make_item, make_topic

pytestmark = pytest.mark.django_db


def reasons_of(*entries: SlateEntry, followed: frozenset[int] = frozenset()) -> list[str]:
    slate = Slate(entries, True, Surface.HOME, Policy("funnel", "1"))
    return [card.reason for card in slate_cards(slate, reader=None, followed_topic_ids=followed)]


def because(item_id: int, reason: Reason, position: int = 0) -> SlateEntry:
    return SlateEntry(item_id, position, "two_tower", reason=reason)


def test_a_card_of_a_release_names_what_brought_it_here() -> None:
    item, liked = make_item(topics=["Jazz"], author="Ida Blom"), make_item("The Long Tide")
    jazz, ida = make_topic("Jazz").pk, make_author("Ida Blom").pk
    assert reasons_of(
        because(item.pk, Reason(Why.LIKED_ITEM, item_id=liked.pk)),
        because(item.pk, Reason(Why.LIKED_TOPIC, topic=jazz), 1),
        because(item.pk, Reason(Why.LIKED_AUTHOR, author=ida), 2),
        because(item.pk, Reason(Why.DIFFERENT), 3),
    ) == [
        "Because you liked “The Long Tide”",
        "Because you often choose Jazz",
        "More from Ida Blom",
        "Something different, picked at random",
    ]


def test_an_item_that_is_no_longer_public_is_not_named() -> None:
    item, hidden = make_item(), make_item("Secret", hidden=True)
    assert reasons_of(because(item.pk, Reason(Why.LIKED_ITEM, item_id=hidden.pk))) == ["Because of something you liked"]


def test_rules_have_words_of_their_own() -> None:
    item = make_item(topics=["Jazz"], author="Ida Blom")
    sources = ("followed", "popular", "fresh", "shared topics")
    entries = [SlateEntry(item.pk, place, source) for place, source in enumerate(sources)]
    assert reasons_of(*entries, followed=frozenset({make_topic("Jazz").pk})) == [
        "From Jazz, which you follow",
        "Popular lately",
        "New",
        "",
    ]


def test_titles_of_liked_items_take_one_query_more(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    item, liked = make_item(), make_item()
    with django_assert_num_queries(2):
        reasons_of(because(item.pk, Reason(Why.FOR_YOU)))
    with django_assert_num_queries(3):
        reasons_of(because(item.pk, Reason(Why.LIKED_ITEM, item_id=liked.pk)))
