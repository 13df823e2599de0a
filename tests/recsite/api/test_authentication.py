from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from recsite import clock
from recsite.models.api_keys import ApiKey, hash_of_key
from tests.factories import NOW, make_item

pytestmark = pytest.mark.django_db


def get_feed(authorization: str, **parameters: str) -> tuple[int, str | None]:
    response = Client().get("/api/v1/feed", parameters, headers={"Authorization": authorization})
    return response.status_code, response.json().get("reason")


def test_a_key_is_kept_as_a_hash_alone(key: str) -> None:
    row = ApiKey.objects.get()
    assert len(key) == 64
    assert row.hash == hash_of_key(key)
    assert row.prefix == key[:8]
    assert key not in str(vars(row))


@pytest.mark.parametrize("authorization", ["Bearer wrong", "Bearer", "Bearer ", "Basic YTpi", "wrong", "Bearer é"])
def test_a_wrong_key_is_refused_by_name(authorization: str) -> None:
    assert get_feed(authorization, reader="7") == (401, "unknown_key")
    assert get_feed(authorization) == (401, "unknown_key")


def test_a_revoked_key_is_refused_by_name(key: str) -> None:
    ApiKey.objects.all().revoke(now=clock.now())
    assert get_feed(f"Bearer {key}", reader="7") == (401, "revoked_key")


def test_the_word_bearer_may_be_written_in_any_case(key: str) -> None:
    assert get_feed(f"bearer {key}", reader="7") == (200, None)


def test_a_server_must_name_its_reader(key: str) -> None:
    assert get_feed(f"Bearer {key}") == (422, "needs_reader")


@pytest.mark.parametrize("reader", ["", "   ", "a\0b", "x" * 201, "a\x07b"])
def test_a_reader_that_cannot_be_is_refused_by_name(key: str, reader: str) -> None:
    assert get_feed(f"Bearer {key}", reader=reader) == (422, "bad_reader")


@pytest.mark.parametrize("path", ["feed", "items/1/similar"])
def test_a_browser_may_not_name_a_reader(browser: Client, path: str) -> None:
    response = browser.get(f"/api/v1/{path}", {"reader": "7"})
    assert (response.status_code, response.json()["reason"]) == (403, "reader_needs_key")
    response = browser.post("/api/v1/events?reader=7", "{}", content_type="application/json")
    assert (response.status_code, response.json()["reason"]) == (403, "reader_needs_key")


@pytest.mark.parametrize("path", ["items", "readers"])
def test_bulk_calls_need_a_key(browser: Client, path: str) -> None:
    response = browser.put(f"/api/v1/{path}", {path: []}, content_type="application/json")
    assert (response.status_code, response.json()["reason"]) == (401, "needs_key")
    assert response["WWW-Authenticate"] == "Bearer"


def test_use_is_noted_once_an_hour() -> None:
    row, _ = ApiKey.objects.make(name="shop", now=NOW)
    uses = [NOW, NOW + timedelta(minutes=59), NOW + timedelta(minutes=60)]
    noted = []
    for moment in uses:
        row.note_use(now=moment)
        row.refresh_from_db()
        noted.append(row.last_used_at)
    assert noted == [uses[0], uses[0], uses[2]]


def test_a_server_is_never_given_a_cookie(server: Client) -> None:
    make_item()
    assert not server.get("/api/v1/feed", {"reader": "7"}).cookies


def test_a_key_says_nothing_about_the_pages(server: Client) -> None:
    assert server.get("/account/").status_code == 200
    assert server.get("/admin/").status_code == 302


def test_an_address_that_is_no_call_is_answered_in_json(browser: Client) -> None:
    response = browser.get("/api/v1/nothing")
    assert (response.status_code, response.json()["reason"]) == (404, "unknown_address")


def test_what_breaks_is_answered_in_json(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("recsite.api.routes.feed_page", broken)
    browser.raise_request_exception = False
    response = browser.get("/api/v1/feed")
    assert (response.status_code, response.json()["reason"]) == (500, "broken")
