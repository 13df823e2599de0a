from __future__ import annotations

import pytest

from catalog.search import QUERY_MAX_CHARS, clean_query, search_items, suggest
from tests.factories import NOW, make_author, make_item, make_topic

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def found(query: str) -> list[int]:
    return [hit.item_id for hit in search_items(query, preferred=frozenset(), now=NOW, offset=0, limit=20).hits]


def test_a_word_is_found_in_another_form() -> None:
    item = make_item("The houses by the harbour")
    assert found("house") == [item.pk]


def test_each_item_is_stemmed_in_its_own_language() -> None:
    german = make_item("Alte Häuser am Hafen", language="de")
    spanish = make_item("Las casas del puerto", language="es")
    assert found("Haus") == [german.pk]
    assert found("casa") == [spanish.pk]


def test_hits_in_the_readers_languages_come_before_all_others() -> None:
    spanish = make_item("Brea", summary="Brea y brea.", language="es")
    english = make_item("A summary", summary="Where the bread is.", language="en")
    hits = search_items("bread", preferred=frozenset({"en"}), now=NOW, offset=0, limit=5).hits
    assert [hit.item_id for hit in hits] == [english.pk, spanish.pk]


def test_a_snippet_from_amid_the_text_says_so() -> None:
    make_item(summary="The lighthouse stood there.")
    assert (
        search_items("lighthouse", preferred=frozenset(), now=NOW, offset=0, limit=5)
        .hits[0]
        .snippet.startswith("The <mark>")
    )
    make_item(summary=f"{'Many words about nothing much. ' * 12} And then the windmill turned.")
    assert search_items("windmill", preferred=frozenset(), now=NOW, offset=0, limit=5).hits[0].snippet.startswith("… ")


def test_a_language_without_a_stemmer_is_searched_word_for_word() -> None:
    item = make_item("Dům u řeky", language="cs")
    assert found("dům") == [item.pk]


def test_the_title_weighs_more_than_the_summary() -> None:
    in_summary = make_item("An evening", summary="About a lighthouse.")
    in_title = make_item("The lighthouse", summary="About an evening.")
    assert found("lighthouse") == [in_title.pk, in_summary.pk]


def test_websearch_syntax_is_understood() -> None:
    both = make_item("Bread and salt")
    salt = make_item("Salt and pepper")
    assert set(found("bread or pepper")) == {both.pk, salt.pk}
    assert found("salt -pepper") == [both.pk]
    assert found('"bread and salt"') == [both.pk]


def test_hidden_items_are_not_found() -> None:
    make_item("The secret garden", hidden=True)
    assert found("garden") == []


def test_an_item_is_not_found_before_it_is_published() -> None:
    item = make_item("Tomorrow's garden", age_days=-1)
    later = item.published_at
    assert found("garden") == []
    assert suggest("garden", now=NOW) == []
    hits = search_items("garden", preferred=frozenset(), now=later, offset=0, limit=5).hits
    assert [hit.item_id for hit in hits] == [item.pk]
    assert [one.url for one in suggest("garden", now=later)] == [item.get_absolute_url()]


@pytest.mark.parametrize(
    "query", ["", "   ", "\0", "-", '"', "'; drop table catalog_item; --", "a & | !", "<b>", "%s {x}", ":*"]
)
def test_any_text_is_a_query(query: str) -> None:
    make_item("Something else")
    assert search_items(query, preferred=frozenset(), now=NOW, offset=0, limit=5).hits == []
    suggest(query, now=NOW)


def test_a_long_query_is_cut() -> None:
    assert len(clean_query("word " * 1000)) <= QUERY_MAX_CHARS


def test_the_snippet_marks_the_hit_and_escapes_everything_else() -> None:
    make_item("Safety", summary="A <script>alert(1)</script> near the lighthouse & the sea.")
    snippet = search_items("lighthouse", preferred=frozenset(), now=NOW, offset=0, limit=5).hits[0].snippet
    assert "<mark>lighthouse</mark>" in snippet
    assert "<script>" not in snippet
    assert "&amp; the sea" in snippet


def test_pages_of_results_neither_repeat_nor_lose_anything() -> None:
    items = {make_item(f"River song {n}").pk for n in range(7)}
    pages = [search_items("river", preferred=frozenset(), now=NOW, offset=offset, limit=3) for offset in (0, 3, 6)]
    ids = [hit.item_id for page in pages for hit in page.hits]
    assert set(ids) == items
    assert len(ids) == 7
    assert {page.total for page in pages} == {7}


def test_type_ahead_finds_the_beginning_of_a_word_still_being_typed() -> None:
    item = make_item("Running by the sea")
    make_item("Sitting by the sea")
    assert [s.url for s in suggest("runn", now=NOW)] == [item.get_absolute_url()]
    assert [s.url for s in suggest("sea runn", now=NOW)] == [item.get_absolute_url()]


def test_type_ahead_names_topics_and_authors_as_well() -> None:
    make_topic("Birds")
    make_author("Birgit Holm")
    assert [(s.kind, s.title) for s in suggest("bir", now=NOW)] == [("topic", "Birds"), ("author", "Birgit Holm")]
