from __future__ import annotations

import logging

import pytest
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from recsite import middleware
from recsite.logs import RequestIdFilter, current_request_id
from tests.factories import make_item

pytestmark = pytest.mark.django_db


def test_a_ready_site_says_so(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"ready": True, "parts": {"database": "ok", "redis": "ok"}}


def test_a_site_without_redis_is_still_ready(client: Client, settings: Settings) -> None:
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}}
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["parts"]["redis"] == "does not answer"
    make_item()
    assert client.get("/").status_code == 200


def test_the_process_is_alive_whatever_the_database_does(client: Client) -> None:
    assert client.get("/healthz").content == b"ok\n"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_needs_neither_our_name_nor_tls(client: Client, settings: Settings, path: str) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["example.org"]
    assert client.get(path, headers={"Host": "10.0.0.7:8000"}).status_code == 200


def test_metrics_need_their_token(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "let-me-see"
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    response = client.get("/metrics", headers={"Authorization": "Bearer let-me-see"})
    assert response.status_code == 200
    assert b"recsite_requests_total" in response.content


def test_without_a_token_metrics_exist_in_a_demo_only(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = None
    settings.DEMO = False
    assert client.get("/metrics").status_code == 404
    settings.DEMO = True
    assert client.get("/metrics").status_code == 200


def test_requests_are_counted_by_page_not_by_address(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "t"
    client.get(make_item("The Long Tide").get_absolute_url())
    text = client.get("/metrics", headers={"Authorization": "Bearer t"}).content.decode()
    assert 'page="item"' in text
    assert "long-tide" not in text


def test_every_answer_carries_a_request_id_and_keeps_a_good_one(client: Client) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "from-the-proxy-1"})["X-Request-ID"] == "from-the-proxy-1"
    made = client.get("/healthz", headers={"X-Request-ID": "bad id\nwith a line"})["X-Request-ID"]
    assert len(made) == 32


def test_log_lines_carry_the_request_id() -> None:
    record = logging.LogRecord("x", logging.INFO, "x", 1, "words", (), None)
    token = current_request_id.set("request-12345")
    RequestIdFilter().filter(record)
    current_request_id.reset(token)
    assert record.__dict__["request_id"] == "request-12345"


def test_without_postgres_the_answer_is_a_friendly_503(rf: RequestFactory) -> None:
    def broken(_request: HttpRequest) -> HttpResponse:
        raise OperationalError("connection refused")

    response = middleware.unavailable_without_database(broken)(rf.get("/"))
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert b"<h1" in response.content


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "203.0.113.5", "127.0.0.1"),
        (1, "203.0.113.5", "203.0.113.5"),
        (1, "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        (2, "6.6.6.6, 203.0.113.5, 10.0.0.1", "203.0.113.5"),
        (2, "203.0.113.5", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_only_our_own_proxies_are_believed(
    rf: RequestFactory, settings: Settings, proxies: int, forwarded: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = rf.get("/", headers={"X-Forwarded-For": forwarded})
    middleware.trust_proxies(lambda _request: HttpResponse())(request)
    assert request.__dict__["client_address"] == expected
