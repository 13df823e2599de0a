"""Nobody but staff sees anything under /staff/, whatever they bring."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import URLPattern, reverse

from recsite import clock
from recsite.models import ApiKey
from recsite.staff.urls import urlpatterns

pytestmark = pytest.mark.django_db

_SAMPLES = {"public_id": uuid.UUID(int=7), "slate_id": uuid.UUID(int=8)}


def address(pattern: URLPattern) -> str:
    """With made-up values for what it takes; whether they exist must not matter to strangers."""
    names = pattern.pattern.converters
    return reverse(f"staff:{pattern.name}", kwargs={name: _SAMPLES.get(name, 1) for name in names})


ADDRESSES = [address(pattern) for pattern in urlpatterns]
METHODS = ["get", "post"]


def needs(pattern: URLPattern) -> str | None:
    return getattr(pattern.callback, "staff_needs", None)


def asked(client: Client, method: str, path: str, **headers: Any) -> Any:
    return getattr(client, method)(path, headers=headers)


def test_every_address_is_guarded() -> None:
    assert [pattern.name for pattern in urlpatterns if not hasattr(pattern.callback, "staff_needs")] == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ADDRESSES)
def test_a_stranger_is_led_to_the_login(client: Client, path: str, method: str) -> None:
    answer = asked(client, method, path)
    assert answer.status_code == 302
    assert answer.url.startswith("/account/login/?next=")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ADDRESSES)
def test_a_key_of_the_api_opens_nothing(client: Client, path: str, method: str) -> None:
    _, key = ApiKey.objects.make(name="a partner", now=clock.now())
    assert asked(client, method, path, authorization=f"Bearer {key}").status_code == 302


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ADDRESSES)
def test_a_reader_with_an_account_is_refused(client: Client, path: str, method: str) -> None:
    client.force_login(User.objects.create_user("reader@example.com"))
    assert asked(client, method, path).status_code == 403


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("pattern", [each for each in urlpatterns if needs(each)], ids=lambda each: each.name)
def test_staff_without_the_right_are_refused_what_needs_one(client: Client, pattern: URLPattern, method: str) -> None:
    client.force_login(User.objects.create_user("helper@example.com", is_staff=True))
    assert asked(client, method, address(pattern)).status_code == 403


def test_the_right_to_see_readers_opens_their_pages_and_no_action(client: Client) -> None:
    helper = User.objects.create_user("helper@example.com", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_reader"))
    client.force_login(helper)
    assert client.get(reverse("staff:readers")).status_code == 200
    assert client.post(reverse("staff:roll_back")).status_code == 403


def test_an_account_that_was_closed_is_staff_no_more(client: Client) -> None:
    editor = User.objects.create_superuser("editor@example.com")
    client.force_login(editor)
    User.objects.filter(pk=editor.pk).update(is_active=False)
    assert client.get(reverse("staff:overview")).status_code == 302


def test_what_changes_something_is_not_done_by_following_a_link(client: Client) -> None:
    """And every page that only looks answers to nothing else."""
    client.force_login(User.objects.create_superuser("editor@example.com"))
    acts = [
        "hide_item",
        "pin_item",
        "take_down_pin",
        "roll_back",
        "promote_release",
        "refuse_release",
        "run_job",
        "pause_job",
        "change_schedule",
        "switch_audience",
    ]
    by_name = {pattern.name: address(pattern) for pattern in urlpatterns}
    assert {name: client.get(by_name[name]).status_code for name in acts} == dict.fromkeys(acts, 405)


def test_no_page_is_kept_by_a_cache(client: Client) -> None:
    client.force_login(User.objects.create_superuser("editor@example.com"))
    assert "no-store" in client.get(reverse("staff:overview"))["Cache-Control"]


def test_the_rail_offers_only_what_opens(client: Client) -> None:
    client.force_login(User.objects.create_user("helper@example.com", is_staff=True))
    page = client.get(reverse("staff:releases")).content.decode()
    assert f'href="{reverse("staff:loop")}"' in page
    assert f'href="{reverse("staff:readers")}"' not in page
