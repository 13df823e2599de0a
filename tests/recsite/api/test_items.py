from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client

from catalog.importers.upsert import CatalogWriter
from catalog.models import Item, Topic
from tests.factories import make_author, make_item

pytestmark = pytest.mark.django_db
WHOLE = {
    "external_id": "a-1",
    "title": "The Long Tide",
    "summary": "About the sea.",
    "body": "It comes.\n\nIt goes.",
    "topics": ["Sailing", "Sea"],
    "author": "Ada",
    "language": "en-GB",
    "published_at": "2025-05-31T12:00:00+02:00",
    "image": "https://example.org/a.jpg",
    "link": "https://example.org/a",
    "attributes": {"pages": 12, "tags": ["x"]},
    "hidden": True,
}


def put(server: Client, *records: object) -> list[dict[str, Any]]:
    response = server.put("/api/v1/items", json.dumps({"items": records}), content_type="application/json")
    assert response.status_code == 200, response.content
    return response.json()["results"]


def statuses(server: Client, *records: object) -> list[str]:
    return [result["status"] for result in put(server, *records)]


def test_an_item_is_created_then_unchanged_then_updated(server: Client) -> None:
    assert put(server, WHOLE) == [{"external_id": "a-1", "status": "created"}]
    assert statuses(server, WHOLE) == ["unchanged"]
    assert statuses(server, WHOLE | {"summary": "Of the sea."}) == ["updated"]
    item = Item.objects.get()
    assert (item.source, item.external_id, item.title, item.summary) == ("site", "a-1", "The Long Tide", "Of the sea.")
    assert (item.language, item.hidden, item.attributes) == ("en-gb", True, {"pages": 12, "tags": ["x"]})
    assert item.published_at.isoformat() == "2025-05-31T10:00:00+00:00"
    assert {topic.name for topic in item.topics.all()} == {"Sailing", "Sea"}


def test_a_field_left_out_keeps_what_the_site_has(server: Client) -> None:
    put(server, WHOLE)
    before = Item.objects.values().get()
    assert statuses(server, {"external_id": "a-1", "title": "The Long Tide"}) == ["unchanged"]
    assert statuses(server, {"external_id": "a-1", "title": "The Short Tide"}) == ["updated"]
    after = Item.objects.values().get()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"title", "title_words", "search_vector", "updated_at"}
    assert set(Topic.objects.filter(items__external_id="a-1").values_list("name", flat=True)) == {"Sailing", "Sea"}


def test_null_empties_a_field(server: Client) -> None:
    put(server, WHOLE)
    emptied = dict.fromkeys(["summary", "body", "topics", "author", "image", "link", "attributes"])
    assert statuses(server, {"external_id": "a-1", "title": "The Long Tide", **emptied}) == ["updated"]
    item = Item.objects.get()
    assert (item.summary, item.body, item.author, item.image, item.link, item.attributes) == ("", "", None, "", "", {})
    assert not item.topics.exists()
    assert item.hidden


def test_records_that_keep_and_records_that_do_not_go_together(server: Client) -> None:
    other = WHOLE | {"external_id": "a-2"}
    put(server, WHOLE, other)
    found = statuses(server, {"external_id": "a-1", "title": "One"}, other | {"topics": ["Chess"], "author": None})
    assert found == ["updated", "updated"]
    one, two = Item.objects.order_by("external_id")
    assert (one.author, one.topics.count()) == (make_author("Ada"), 2)
    assert (two.author, [topic.name for topic in two.topics.all()]) == (None, ["Chess"])


def test_two_authors_of_one_name_are_not_mixed_up(server: Client) -> None:
    put(server, WHOLE)
    second = make_author("Ada the second")
    second.name = "Ada"
    second.save()
    Item.objects.update(author=second)
    put(server, {"external_id": "a-1", "title": "New"})
    assert Item.objects.get().author == second


def test_one_bad_record_never_loses_its_neighbours(server: Client) -> None:
    good = [{"external_id": "1", "title": "One"}, {"external_id": 2, "title": "Two"}]
    bad: dict[str, object] = {
        "not a JSON object": 7,
        "required field missing: external_id": {"title": "x"},
        "required field missing: title": {"external_id": "b", "title": "  "},
        "wrong type: title": {"external_id": "c", "title": ["x"]},
        "character that no page may hold": {"external_id": "d", "title": "a\0b"},
        "too long": {"external_id": "e", "title": "x" * 501},
        "not an http(s) address": {"external_id": "f", "title": "x", "link": "javascript:alert(1)"},
        "not a language code": {"external_id": "g", "title": "x", "language": "klingon!"},
        "not a usable date": {"external_id": "h", "title": "x", "published_at": "soon"},
        "attributes that cannot be stored": {"external_id": "i", "title": "x", "attributes": {"a": "\ud800"}},
        "too many topics": {"external_id": "j", "title": "x", "topics": [str(i) for i in range(30)]},
        "wrong type: hidden": {"external_id": "k", "title": "x", "hidden": 1},
    }
    results = put(server, good[0], *bad.values(), good[1])
    assert [results[0]["status"], results[-1]["status"]] == ["created", "created"]
    assert results[-1]["external_id"] == "2"
    for reason, result in zip(bad, results[1:-1], strict=True):
        assert result["status"] == "refused"
        assert reason in result["reason"]
    assert Item.objects.count() == 2


def test_half_a_surrogate_pair_comes_back_as_a_question_mark(server: Client) -> None:
    (result,) = put(server, {"external_id": "\ud800", "title": "x"})
    assert (result["external_id"], result["status"]) == ("?", "refused")


@pytest.mark.parametrize("depth", [21, 200, 800, 900, 940, 960, 980])
def test_deep_attributes_are_refused_and_lose_no_neighbour(server: Client, depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    record = f'{{"external_id": "a", "title": "x", "attributes": {deep}}}'
    body = f'{{"items": [{record}, {{"external_id": "b", "title": "y"}}]}}'
    response = server.put("/api/v1/items", body, content_type="application/json")
    if response.status_code == 422:
        assert response.json()["reason"] == "not_json"
    else:
        assert [result["status"] for result in response.json()["results"]] == ["refused", "created"]


def test_long_numbers_in_attributes(server: Client) -> None:
    for digits, status in ((30, "created"), (5_000, "refused")):
        body = f'{{"items": [{{"external_id": "{digits}", "title": "x", "attributes": {{"n": {"9" * digits}}}}}]}}'
        response = server.put("/api/v1/items", body, content_type="application/json")
        assert response.json()["results"][0]["status"] == status
    assert Item.objects.get().attributes == {"n": int("9" * 30)}


def test_of_two_records_with_one_id_the_first_good_one_counts(server: Client) -> None:
    results = put(
        server,
        {"external_id": "a", "title": ""},
        {"external_id": "a", "title": "First"},
        {"external_id": " a ", "title": "Second"},
    )
    assert [result["status"] for result in results] == ["refused", "created", "refused"]
    assert results[2]["reason"] == "external_id used twice: first in record 2 of this call"
    assert Item.objects.get().title == "First"


def test_what_the_database_refuses_loses_no_neighbour(server: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    write = CatalogWriter.write

    def picky(self: CatalogWriter, batch: Any) -> Any:
        if any(numbered.row.title == "Bad" for numbered in batch):
            raise IntegrityError("a rule that only the database knows")
        return write(self, batch)

    monkeypatch.setattr(CatalogWriter, "write", picky)
    records = [{"external_id": str(i), "title": "Bad" if i == 5 else f"Item {i}"} for i in range(9)]
    results = put(server, *records)
    assert [result["status"] for result in results] == ["created"] * 5 + ["refused"] + ["created"] * 3
    assert results[5]["reason"] == "refused by the database: a rule that only the database knows"


def test_an_item_of_another_source_is_not_touched(server: Client) -> None:
    theirs = make_item("Theirs", source="movielens")
    assert statuses(server, {"external_id": theirs.external_id, "title": "Ours"}) == ["created"]
    theirs.refresh_from_db()
    assert theirs.title == "Theirs"


def test_a_thousand_items_fit_one_call_and_one_more_does_not(server: Client) -> None:
    records = [{"external_id": str(i), "title": f"Item {i}", "topics": ["Jazz"]} for i in range(1_000)]
    assert statuses(server, *records) == ["created"] * 1_000
    assert statuses(server, *records) == ["unchanged"] * 1_000
    body = json.dumps({"items": [*records, {"external_id": "x", "title": "x"}]})
    response = server.put("/api/v1/items", body, content_type="application/json")
    assert (response.status_code, response.json()["reason"]) == (422, "too_many_items")


def test_unknown_fields_are_ignored_and_an_empty_call_is_fine(server: Client) -> None:
    assert statuses(server, {"external_id": "a", "title": "x", "colour": "red"}) == ["created"]
    assert put(server) == []


def test_a_body_beyond_all_measure_is_refused(server: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsite.api.routes.RECORDS_BODY_MAX_BYTES", 1_024)
    response = server.put("/api/v1/items", b" " * 1_025, content_type="application/json")
    assert (response.status_code, response.json()["reason"]) == (413, "body_too_large")


def test_long_bodies_get_through(server: Client) -> None:
    records = [{"external_id": str(i), "title": "x", "body": "word " * 30_000} for i in range(20)]
    assert statuses(server, *records) == ["created"] * 20
