from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError
from django.test import Client
from prometheus_client import REGISTRY

from catalog.models import Reader
from feedback.models import Interaction, View
from recsite import clock
from recsite.api.events import EVENTS_BODY_MAX_BYTES
from recsite.rate_limits import RateLimit
from tests.factories import make_author, make_item, make_topic
from tests.recsite.api.conftest import event, outcomes, send

pytestmark = pytest.mark.django_db


def first_card(caller: Client, **parameters: str) -> dict[str, object]:
    return caller.get("/api/v1/feed", parameters).json()["items"][0]


def test_a_browser_reports_a_view_and_a_like_by_token(browser: Client) -> None:
    item = make_item()
    token = first_card(browser)["token"]
    response = send(browser, event("view", token=token), event("like", token=token))
    assert outcomes(response) == ["accepted", "accepted"]
    assert View.objects.get().item_id == item.pk
    assert Interaction.objects.get(kind="like").surface == "home"


def test_a_reader_deleted_while_reporting_is_told_to_send_it_again(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = make_item()

    def deleted_meanwhile(*_given: object, **_named: object) -> None:
        raise IntegrityError("the reader is gone")

    monkeypatch.setattr("recsite.api.events.accept_events", deleted_meanwhile)
    response = send(browser, event("like", item=item.pk))
    assert (response.status_code, response.json()["reason"]) == (503, "changed_meanwhile")
    assert response["Retry-After"] == "1"


def test_what_is_delivered_twice_counts_once(browser: Client) -> None:
    item = make_item()
    like = event("like", item=item.pk)
    assert outcomes(send(browser, like)) == ["accepted"]
    assert outcomes(send(browser, like)) == ["duplicate"]
    assert Interaction.objects.count() == 1


def test_one_bad_event_never_loses_its_neighbours(browser: Client) -> None:
    item = make_item()
    bad = [
        None,
        7,
        [],
        {},
        event("like", item="seven"),
        event("nonsense", item=item.pk),
        event("like", item=10**30),
        event("dwell", item=item.pk, value=1e400),
        event("search", value="a\0b"),
        event("search", value="\ud800"),
        event("like", item=item.pk, id="\ud800"),
        event("like", item=item.pk, age_ms=-1),
        event("view", token="x" * 50_000),
        event("hide_topic", value={"a": [[[[]]]]}),
    ]
    good = [event("like", item=item.pk), event("save", item=item.pk)]
    found = outcomes(send(browser, good[0], *bad, good[1]))
    assert [found[0], found[-1]] == ["accepted", "accepted"]
    assert not {"accepted", "duplicate"} & set(found[1:-1])
    assert set(Interaction.objects.values_list("kind", flat=True)) == {"like", "save"}


def test_results_carry_the_ids_in_order(browser: Client) -> None:
    item = make_item()
    sent = [event("like", item=item.pk), {"id": "no-uuid"}, event("save", item=item.pk), 3]
    results = send(browser, *sent).json()["results"]
    assert [result["id"] for result in results] == [sent[0]["id"], "no-uuid", sent[2]["id"], None]


def test_a_page_of_another_site_needs_tokens(browser: Client) -> None:
    item = make_item()
    token = first_card(browser)["token"]
    response = send(browser, event("like", item=item.pk), event("save", token=token), Origin="https://elsewhere.test")
    assert outcomes(response) == ["needs_proof", "accepted"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://testserver"},
        {"Origin": "", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://app.example.org"},
        {"Origin": "https://shop.example.net"},
    ],
)
def test_same_origin_proof(browser: Client, settings: object, headers: dict[str, str]) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.example.org", "https://*.example.net"]  # type: ignore[attr-defined]
    assert outcomes(send(browser, event("like", item=make_item().pk), **headers)) == ["accepted"]


@pytest.mark.parametrize(
    "origin", ["", "null", "https://example.org", "https://notexample.net", "http://testserver.evil"]
)
def test_what_is_no_proof(browser: Client, settings: object, origin: str) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.example.org", "https://*.example.net"]  # type: ignore[attr-defined]
    response = send(browser, event("like", item=make_item().pk), **{"Origin": origin, "Sec-Fetch-Site": "cross-site"})
    assert outcomes(response) == ["needs_proof"]


def test_without_our_cookie_nothing_counts(browser: Client) -> None:
    item = make_item()
    token = first_card(browser)["token"]
    found = outcomes(send(Client(), event("view", token=token), event("like", item=item.pk)))
    assert found == ["no_cookie", "needs_proof"]
    assert not View.objects.exists()
    assert not Interaction.objects.exists()
    assert not Reader.objects.exists()


def test_a_forged_token_is_refused_by_name(browser: Client) -> None:
    make_item()
    token = str(first_card(browser)["token"])
    assert outcomes(send(browser, event("view", token=token[:-1] + ("A" if token[-1] != "A" else "B")))) == [
        "token_forged"
    ]


def test_a_reader_who_signs_in_keeps_what_the_page_still_reports(browser: Client) -> None:
    make_item()
    token = first_card(browser)["token"]
    send(browser, event("save", token=token))
    browser.post("/account/signup/", {"email": "ida@example.org", "password": "a long walk by the river"})
    assert User.objects.exists()
    assert outcomes(send(browser, event("like", token=token))) == ["accepted"]


def test_bad_events_alone_make_no_reader(browser: Client) -> None:
    send(browser, event("like", item=0))
    assert not Reader.objects.exists()


def test_a_server_reports_for_the_reader_it_names(server: Client) -> None:
    item, topic, author = make_item(), make_topic("Jazz"), make_author("Ada")
    response = send(
        server,
        event("like", item=item.pk),
        event("follow", value=f"topic:{topic.slug}"),
        event("hide_author", value=author.slug),
        event("click", item=item.pk, age_ms=None, at=(clock.now() - timedelta(days=400)).isoformat()),
        reader="customer-7",
    )
    assert outcomes(response) == ["accepted"] * 4
    reader = Reader.objects.get(external_id="customer-7")
    assert list(reader.followed_topics.all()) == [topic]
    assert set(Interaction.objects.values_list("reader", flat=True)) == {reader.pk}
    assert "reader" not in response.cookies


def test_a_server_may_send_a_thousand_and_a_browser_a_hundred(browser: Client, server: Client) -> None:
    refused = send(browser, *[{}] * 101)
    assert (refused.status_code, refused.json()["reason"]) == (422, "too_many_events")
    assert len(outcomes(send(server, *[{}] * 1_000, reader="a"))) == 1_000
    assert send(server, *[{}] * 1_001, reader="a").status_code == 422


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 422, "not_json"),
        (b"{", 422, "not_json"),
        (b"[" * 100_000, 422, "not_json"),
        (b'{"events": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 422, "not_json"),
        (b"\xff", 422, "not_utf8"),
        (b"[]", 422, "not_an_object"),
        (b"null", 422, "not_an_object"),
        (b"{}", 422, "no_events"),
        (b'{"events": {}}', 422, "no_events"),
        (b" " * (EVENTS_BODY_MAX_BYTES + 1), 413, "body_too_large"),
    ],
)
def test_a_body_that_holds_no_events_is_refused_by_name(browser: Client, body: bytes, status: int, reason: str) -> None:
    response = browser.post("/api/v1/events", body, content_type="application/json")
    assert (response.status_code, response.json()["reason"]) == (status, reason)
    assert response.json()["detail"]


def test_no_number_is_too_long_for_its_neighbours(browser: Client) -> None:
    item = make_item()
    like = json.dumps(event("like", item=item.pk))
    body = f'{{"events": [{{"id": {"9" * 5_000}}}, {like}, {{"age_ms": NaN, "id": -Infinity}}]}}'
    response = browser.post("/api/v1/events", body, content_type="text/plain", headers={"Origin": "http://testserver"})
    assert outcomes(response)[1] == "accepted"


def test_an_empty_report_is_fine(browser: Client) -> None:
    assert send(browser).json() == {"results": []}


def test_staff_bots_and_previews_are_marked(browser: Client, admin_client: Client) -> None:
    items = [make_item() for _ in range(4)]
    admin_client.get("/")
    send(admin_client, event("like", item=items[0].pk))
    send(browser, event("like", item=items[1].pk), **{"User-Agent": "Googlebot/2.1"})
    send(browser, event("like", item=items[2].pk), **{"Sec-Purpose": "prefetch"})
    send(browser, event("like", item=items[3].pk), **{"User-Agent": "Mozilla/5.0 (Linux; Android 9; CUBOT X19)"})
    marks = dict(Interaction.objects.values_list("item_id", "excluded"))
    assert [marks[item.pk] for item in items] == ["staff", "bot", "preview", None]


def test_too_many_events_a_minute_are_refused_and_another_reader_is_not(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsite.api.events.EVENTS_BY_READER", RateLimit("events by reader", allowed=25, window_s=60))
    assert send(browser, *[{}] * 20).status_code == 200
    refused = send(browser, *[{}] * 20)
    assert (refused.status_code, refused.json()["reason"]) == (429, "too_many_events_a_minute")
    assert refused["Retry-After"] == "60"
    other = Client()
    other.get("/")
    assert send(other, *[{}] * 20).status_code == 200


def test_without_a_cookie_the_address_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsite.api.events.EVENTS_BY_READER", RateLimit("events by reader", allowed=25, window_s=60))
    statuses = [send(Client(), *[{}] * 20).status_code for _ in range(2)]
    assert statuses == [200, 429]


def test_events_are_counted_under_known_kinds_only(browser: Client) -> None:
    def count(kind: str, status: str, reason: str) -> float:
        labels = {"kind": kind, "status": status, "reason": reason}
        return REGISTRY.get_sample_value("recsite_events_total", labels) or 0.0

    before = count("other", "refused", "bad_kind"), count("like", "accepted", "")
    send(browser, event("mine"), event("yours"), event("like", item=make_item().pk))
    assert (count("other", "refused", "bad_kind"), count("like", "accepted", "")) == (before[0] + 2, before[1] + 1)
    assert (
        REGISTRY.get_sample_value("recsite_events_total", {"kind": "mine", "status": "refused", "reason": ""}) is None
    )


def test_no_csrf_token_is_needed(browser: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies
    assert outcomes(send(strict, event("like", item=make_item().pk))) == ["accepted"]


def test_reporting_twenty_events_takes_few_queries(browser: Client, django_assert_max_num_queries: object) -> None:
    items = [make_item() for _ in range(20)]
    cards = browser.get("/api/v1/feed").json()["items"]
    send(browser, event("like", item=items[0].pk))
    with django_assert_max_num_queries(9):  # type: ignore[operator]
        send(browser, *[event("view", token=card["token"]) for card in cards])
    assert View.objects.count() == 20


def test_a_database_that_does_not_answer_is_said_in_json(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_args: object, **_kwargs: object) -> None:
        raise OperationalError("the server is gone")

    monkeypatch.setattr("recsite.api.events.accept_events", gone)
    response = send(browser, event("like", item=1))
    assert (response.status_code, response.json()["reason"]) == (503, "unavailable")
    assert response["Retry-After"]
