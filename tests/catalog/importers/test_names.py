from __future__ import annotations

import pytest
from django.db import connection

from catalog.importers.names import AUTHORS, TOPICS, ids_of_names
from catalog.models import Author, Topic

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def topic_ids(*names: str) -> dict[str, int]:
    with connection.cursor() as cursor:
        return ids_of_names(cursor, TOPICS, names)


def author_ids(*names: str) -> dict[str, int]:
    with connection.cursor() as cursor:
        return ids_of_names(cursor, AUTHORS, names)


def slugs() -> dict[str, str]:
    return dict(Topic.objects.values_list("name", "slug"))


def test_a_new_name_is_made_once_with_its_first_spelling() -> None:
    ids = topic_ids("Film Noir", "FILM NOIR", "Sea")
    assert set(ids) == {"film noir", "sea"}
    assert slugs() == {"Film Noir": "film-noir", "Sea": "sea"}


def test_names_are_made_in_the_order_given() -> None:
    topic_ids("Zebra", "Ape", "Mole")
    assert list(Topic.objects.order_by("pk").values_list("name", flat=True)) == ["Zebra", "Ape", "Mole"]


def test_an_existing_topic_is_found_by_name_by_slug_and_whatever_the_case() -> None:
    topic = Topic.objects.create(name="Science Fiction", slug="science-fiction")
    for name in ("Science Fiction", "science-fiction", "SCIENCE FICTION"):
        assert topic_ids(name) == {name.casefold(): topic.pk}
    assert Topic.objects.count() == 1


def test_a_topic_whose_slug_staff_have_changed_is_found_by_its_name() -> None:
    topic = Topic.objects.create(name="Science Fiction", slug="scifi")
    assert topic_ids("Science Fiction") == {"science fiction": topic.pk}


def test_different_names_with_one_slug_are_numbered_and_found_again() -> None:
    first = topic_ids("C", "C++", "C#")
    assert slugs() == {"C": "c", "C++": "c-2", "C#": "c-3"}
    assert topic_ids("C#", "c++", "C") == {key: first[key] for key in ("c#", "c++", "c")}
    topic_ids("C!")
    assert slugs()["C!"] == "c-4"


def test_a_name_without_letters_gets_a_slug_all_the_same() -> None:
    ids = topic_ids("🚀", "🌊")
    assert slugs() == {"🚀": "topic", "🌊": "topic-2"}
    assert topic_ids("🌊") == {"🌊": ids["🌊"]}


def test_names_with_the_wildcards_of_like_are_plain_names() -> None:
    topic_ids("a_b", "a_b!", "axb", "axb!")
    assert slugs() == {"a_b": "a_b", "a_b!": "a_b-2", "axb": "axb", "axb!": "axb-2"}


def test_the_longest_names_fit_with_their_number() -> None:
    long = "x" * 100
    topic_ids(long, long[:-1] + "!")
    assert Topic.objects.count() == 2
    author_ids("y" * 200, "ﷺ" * 200)
    assert Author.objects.count() == 2
