"""Callers of the API: a browser with our cookie, one without, and a server with its key."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from recsite import clock
from recsite.models import ApiKey

SAME_ORIGIN = {"Origin": "http://testserver"}
Post = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def browser(client: Client) -> Client:
    """Has been on a page, so it has the cookie."""
    client.get("/")
    return client


@pytest.fixture
def key(db: None) -> str:
    return ApiKey.objects.make(name="shop", now=clock.now())[1]


@pytest.fixture
def server(key: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {key}"})


def event(kind: str, **fields: Any) -> dict[str, Any]:
    """An event that happened just now, unless `fields` say otherwise; None leaves a field out."""
    given = {"id": str(uuid.uuid4()), "kind": kind, "age_ms": 0} | fields
    return {name: value for name, value in given.items() if value is not None}


def send(caller: Client, *events: object, reader: str | None = None, **headers: str) -> Any:
    """The response to a report of events from a page of ours."""
    address = "/api/v1/events" + (f"?reader={reader}" if reader else "")
    return caller.post(
        address, json.dumps({"events": events}), content_type="application/json", headers=SAME_ORIGIN | headers
    )


def outcomes(response: Any) -> list[str]:
    """A word an event: its status, or the reason why it was refused."""
    assert response.status_code == 200, response.content
    return [result.get("reason", result["status"]) for result in response.json()["results"]]
