from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test import Client

from feedback.models import Interaction, Slate
from tests.factories import make_item

pytestmark = pytest.mark.django_db

ADDRESS = "203.0.113.77"
BROWSER = "Netscape-of-somebody/4.0"


def tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return [name for (name,) in cursor.fetchall()]


def test_no_row_holds_the_address_or_the_browser_of_a_reader() -> None:
    client = Client(REMOTE_ADDR=ADDRESS, headers={"user-agent": BROWSER, "sec-fetch-site": "same-origin"})
    item = make_item()
    client.get("/")
    client.get(item.get_absolute_url())
    client.post("/topics/none/follow/")
    client.post("/account/signup/", {"email": "ida@example.org", "password": "a long walk by the river"})
    client.post("/account/login/", {"username": "ida@example.org", "password": "wrong"})
    event = {"id": "0b5a1c5e-7d0e-4b5e-9c6d-2f1f5e3c8a11", "kind": "like", "item": item.pk, "age_ms": 5}
    client.post("/api/v1/events", json.dumps({"events": [event]}), content_type="application/json")
    assert Slate.objects.exists()
    assert set(Interaction.objects.values_list("kind", flat=True)) >= {"click", "like"}
    with connection.cursor() as cursor:
        for table in tables():
            for secret in (ADDRESS, BROWSER):
                cursor.execute(f'SELECT count(*) FROM "{table}" AS one WHERE one::text LIKE %s', [f"%{secret}%"])
                assert cursor.fetchone() == (0,), table


def test_no_column_is_made_for_addresses_of_machines_or_for_browsers() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND"
            " (data_type IN ('inet', 'cidr') OR column_name ~ '(^|_)(ip|addr|address|agent|browser|referr?er)($|_)')"
        )
        assert cursor.fetchall() == []
