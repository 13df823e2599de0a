from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from catalog.models import Reader
from feedback.models import Interaction
from tests.factories import make_topic

pytestmark = pytest.mark.django_db
WHOLE = {
    "external_id": "c-1",
    "languages": ["de", "en_GB", "ger"],
    "country": "ch",
    "topics": ["Jazz", "chess"],
    "attributes": {"age_band": "25-34"},
}


@pytest.fixture(autouse=True)
def topics() -> None:
    make_topic("Jazz")
    make_topic("Chess")


def put(server: Client, *records: object) -> list[dict[str, Any]]:
    response = server.put("/api/v1/readers", json.dumps({"readers": records}), content_type="application/json")
    assert response.status_code == 200, response.content
    return response.json()["results"]


def statuses(server: Client, *records: object) -> list[str]:
    return [result["status"] for result in put(server, *records)]


def followed(reader: Reader) -> set[str]:
    return set(reader.followed_topics.values_list("slug", flat=True))


def test_a_reader_is_created_then_unchanged_then_updated(server: Client) -> None:
    assert put(server, WHOLE) == [{"external_id": "c-1", "status": "created"}]
    assert statuses(server, WHOLE) == ["unchanged"]
    assert statuses(server, WHOLE | {"country": "BR"}) == ["updated"]
    reader = Reader.objects.get()
    assert (reader.languages, reader.country, reader.attributes) == (["de", "en-gb"], "BR", {"age_band": "25-34"})
    assert followed(reader) == {"jazz", "chess"}


def test_a_field_left_out_keeps_what_the_site_has_and_null_empties_it(server: Client) -> None:
    put(server, WHOLE)
    assert statuses(server, {"external_id": "c-1"}) == ["unchanged"]
    assert statuses(server, {"external_id": "c-1", "country": None, "topics": None}) == ["updated"]
    reader = Reader.objects.get()
    assert (reader.languages, reader.country, reader.attributes) == (["de", "en-gb"], "", {"age_band": "25-34"})
    assert followed(reader) == set()


def test_declared_topics_are_follows_and_undone_follows(server: Client) -> None:
    put(server, WHOLE | {"topics": ["Jazz"]})
    put(server, WHOLE | {"topics": ["Chess"]})
    acts = Interaction.objects.order_by("pk")
    assert [(act.kind, act.topic.slug, act.undone_at is None) for act in acts] == [
        ("follow", "jazz", False),
        ("follow", "chess", True),
    ]
    assert followed(Reader.objects.get()) == {"chess"}


def test_true_is_not_one(server: Client) -> None:
    put(server, {"external_id": "a", "attributes": {"x": 1}})
    assert statuses(server, {"external_id": "a", "attributes": {"x": True}}) == ["updated"]
    assert Reader.objects.get().attributes == {"x": True}


def test_one_bad_record_never_loses_its_neighbours(server: Client) -> None:
    bad: dict[str, object] = {
        "not a JSON object": "x",
        "required field missing: external_id": {},
        "not a country code": {"external_id": "b", "country": "Switzerland"},
        "not a language code": {"external_id": "c", "languages": ["klingon!"]},
        "wrong type: languages is not": {"external_id": "d", "languages": "de"},
        "wrong type: languages holds": {"external_id": "e", "languages": [7]},
        "topic that the site does not have: 'Alchemy'; send an item of it first": {
            "external_id": "f",
            "topics": ["Jazz", "Alchemy"],
        },
        "attributes that cannot be stored": {"external_id": "g", "attributes": {"a\0": 1}},
        "wrong type: attributes": {"external_id": "h", "attributes": []},
        "character that no page may hold": {"external_id": "\ud800"},
        "too long": {"external_id": "i", "languages": ["de"] * 21},
        "wrong type: country": {"external_id": "j", "country": 7},
    }
    results = put(server, {"external_id": "1"}, *bad.values(), {"external_id": "2"})
    assert [results[0]["status"], results[-1]["status"]] == ["created", "created"]
    for reason, result in zip(bad, results[1:-1], strict=True):
        assert result["status"] == "refused"
        assert reason in result["reason"]
    assert Reader.objects.count() == 2


def test_of_two_records_with_one_id_the_first_good_one_counts(server: Client) -> None:
    results = put(
        server,
        {"external_id": "a", "country": "nowhere"},
        {"external_id": "a", "country": "CH"},
        {"external_id": "a", "country": "BR"},
    )
    assert [result["status"] for result in results] == ["refused", "created", "refused"]
    assert results[2]["reason"] == "external_id used twice: first in record 2 of this call"
    assert Reader.objects.get().country == "CH"


def test_the_same_reader_is_meant_in_a_report(server: Client) -> None:
    put(server, WHOLE)
    server.get("/api/v1/feed", {"reader": "c-1"})
    assert Reader.objects.count() == 1


def test_a_thousand_readers_take_few_queries(server: Client, django_assert_max_num_queries: object) -> None:
    records = [{"external_id": str(i), "topics": ["Jazz", "Chess"], "country": "CH"} for i in range(1_000)]
    with django_assert_max_num_queries(25):  # type: ignore[operator]
        assert statuses(server, *records) == ["created"] * 1_000
    assert statuses(server, *records) == ["unchanged"] * 1_000
    assert Interaction.objects.count() == 2_000
