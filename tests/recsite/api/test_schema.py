"""Schemathesis reads the schema that the site publishes and sends what fits it and what does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.factories import make_item, make_topic
from tests.recsite.api.conftest import SAME_ORIGIN

pytestmark = pytest.mark.django_db
published = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
thorough = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def catalogue(db: None) -> None:
    make_topic("Jazz")
    for _ in range(5):
        make_item(topics=["Jazz"])


@contextmanager
def connection_left_open() -> Iterator[None]:
    """It holds the transaction of the test; Django's own test client does the same."""
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    try:
        yield
    finally:
        request_started.connect(close_old_connections)
        request_finished.connect(close_old_connections)


def not_promised(case: Any) -> list[CheckFunction]:
    """Any text fits a cursor's schema, but few are cursors. Bodies are judged entry by entry, so what breaks the schema
    is answered with 200 and refused by name."""
    return [positive_data_acceptance] if case.method == "GET" else [negative_data_rejection]


@published.parametrize()
@thorough
def test_a_server_is_always_answered_as_the_schema_says(case: Any, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    with connection_left_open():
        case.call_and_validate(headers=headers, params={"reader": "7"}, excluded_checks=not_promised(case))


@published.parametrize()
@thorough
def test_a_browser_is_always_answered_as_the_schema_says(case: Any, browser: Client) -> None:
    cookies = {"reader": browser.cookies["reader"].value}
    with connection_left_open():
        case.call_and_validate(headers=SAME_ORIGIN, cookies=cookies, excluded_checks=not_promised(case))
