from __future__ import annotations

import numpy as np
import pytest
from pytest_django import DjangoAssertNumQueries

from recsite.filters import reasons_to_remove, unwanted, unwanted_by_catalogue
from recsite.reader_state import ReaderState
from recsite.releases.catalogue_reading import read_catalogue
from tests.factories import NOW, make_author, make_item, make_topic

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_each_removal_has_its_reason_and_what_may_be_shown_has_none(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    kept, hidden, ahead = make_item(language="en"), make_item(hidden=True), make_item(age_days=-1)
    german, jazz, ida = make_item(language="de"), make_item(topics=["Cities", "Jazz"]), make_item(author="Ida Blom")
    state = ReaderState(
        languages=frozenset({"en"}),
        hidden_topic_ids=frozenset({make_topic("Jazz").pk}),
        hidden_author_ids=frozenset({make_author("Ida Blom").pk}),
    )
    gone = 10**9
    candidates = [item.pk for item in (kept, hidden, ahead, german, jazz, ida)]
    with django_assert_num_queries(1):
        reasons = unwanted([*candidates, gone], state=state, now=NOW)
    assert reasons == {
        hidden.pk: "not_public",
        ahead.pk: "not_public",
        gone: "not_public",
        german.pk: "language",
        jazz.pk: "hidden_topic",
        ida.pk: "hidden_author",
    }


@pytest.mark.django_db(transaction=True)
def test_the_catalogue_in_memory_gives_the_reasons_that_the_database_gives() -> None:
    both = make_item(topics=["Cities", "Jazz"], author="Ida Blom", language="de")
    items = [make_item(language="en"), make_item(language="de"), make_item(topics=["Cities", "Jazz"]), both]
    items += [make_item(author="Ida Blom"), make_item(topics=["Jazz"], language="de"), make_item()]
    item_ids = [item.pk for item in items]
    catalogue = read_catalogue(now=NOW)
    for languages in (frozenset[str](), frozenset({"en"}), frozenset({"fr"})):
        for topic_ids in (frozenset[int](), frozenset({make_topic("Jazz").pk, 10**9})):
            for author_ids in (frozenset[int](), frozenset({make_author("Ida Blom").pk})):
                state = ReaderState(languages=languages, hidden_topic_ids=topic_ids, hidden_author_ids=author_ids)
                found = unwanted_by_catalogue(catalogue, np.array(item_ids), state=state)
                assert found == unwanted(item_ids, state=state, now=NOW)


def test_somebody_who_hides_nothing_is_shown_everything_that_is_public() -> None:
    item = make_item(topics=["Jazz"], author="Ida Blom", language="de")
    assert unwanted([item.pk], state=ReaderState(), now=NOW) == {}
    assert unwanted([], state=ReaderState(), now=NOW) == {}


def test_the_first_reason_that_holds_is_given() -> None:
    item, other = make_item(hidden=True), make_item()
    state = ReaderState(consumed=frozenset({item.pk}), dismissed=frozenset({item.pk, other.pk}))
    reasons = reasons_to_remove([item.pk, other.pk], state=state, shown=(other.pk,), now=NOW)
    assert reasons == {item.pk: "dismissed", other.pk: "shown"}
