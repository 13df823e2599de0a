"""What the database itself refuses, whoever writes."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction

from catalog.models import BODY_MAX_CHARS, SUMMARY_MAX_CHARS, Item, ItemTopic
from tests.factories import NOW, make_item, make_reader, make_topic

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.mark.parametrize(
    "fields",
    [
        {"title": ""},
        {"slug": ""},
        {"external_id": ""},
        {"language": "English"},
        {"language": ""},
        {"image": "javascript:alert(1)"},
        {"image": "data:image/png;base64,AAAA"},
        {"link": "ftp://example.org/file"},
        {"link": "https://example.org/a b"},
        {"summary": "x" * (SUMMARY_MAX_CHARS + 1)},
        {"body": "x" * (BODY_MAX_CHARS + 1)},
        {"title": "x" * 501},
    ],
)
def test_a_bad_item_is_refused_by_the_database(fields: dict[str, Any]) -> None:
    good = {
        "title": "Good",
        "slug": "good",
        "external_id": "1",
        "published_at": NOW,
        "created_at": NOW,
        "updated_at": NOW,
    }
    with pytest.raises((IntegrityError, DataError)), transaction.atomic():
        Item.objects.create(**(good | fields))
    assert Item.objects.create(**good).pk


def test_an_external_id_is_taken_once_a_source() -> None:
    make_item(source="a").__class__.objects.update(external_id="1")
    make_item(source="b").__class__.objects.update(external_id="1")
    with pytest.raises(IntegrityError), transaction.atomic():
        Item.objects.update(source="a")


def test_a_topic_is_given_to_an_item_once() -> None:
    item = make_item(topics=["Jazz"])
    with pytest.raises(IntegrityError), transaction.atomic():
        ItemTopic.objects.create(item=item, topic=make_topic("Jazz"))


def test_a_country_is_a_code() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_reader(country="x1")


def test_the_longest_body_of_different_words_can_be_stored() -> None:
    words = " ".join(f"{n:05x}ж" for n in range(BODY_MAX_CHARS))[:BODY_MAX_CHARS]
    assert make_item(body=words).pk


def test_languages_in_use_are_those_of_visible_items() -> None:
    for language in ("en", "de", "en", "pt-br"):
        make_item(language=language)
    make_item(language="fr", hidden=True)
    assert Item.objects.languages() == ["de", "en", "pt-br"]


def test_an_empty_catalogue_has_no_languages() -> None:
    assert Item.objects.languages() == []


def test_the_stored_search_vector_follows_every_writer() -> None:
    item = make_item("Before")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_item SET title = 'The lighthouse' WHERE id = %s", [item.pk])
        cursor.execute("SELECT search_vector::text FROM catalog_item WHERE id = %s", [item.pk])
        assert "'lighthous':2A" in cursor.fetchone()[0]
