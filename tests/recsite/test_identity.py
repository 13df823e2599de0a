from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client, RequestFactory

from catalog.models import Reader
from recsite.identity import RequestReader, accepted_languages
from tests.factories import NOW, make_item

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("de-CH, fr;q=0.8", {"de", "fr"}),
        ("*", set()),
        ("", set()),
        ("en;q=0, es", {"es"}),
        (";;;,,,", set()),
    ],
)
def test_accept_language_is_read(header: str, expected: set[str]) -> None:
    assert accepted_languages(header) == expected


def test_a_crawler_without_cookies_makes_no_reader(client: Client) -> None:
    item = make_item()
    for path in ("/", item.get_absolute_url(), "/topics/", item.get_absolute_url()):
        client.cookies.clear()
        assert client.get(path).status_code == 200
    assert Reader.objects.count() == 0


def test_looking_at_the_front_page_twice_makes_no_reader(client: Client) -> None:
    client.get("/")
    client.get("/")
    assert Reader.objects.count() == 0


def test_the_first_click_that_brings_the_cookie_makes_one_reader(client: Client) -> None:
    item = make_item()
    client.get("/")
    client.get(item.get_absolute_url())
    client.get(make_item().get_absolute_url())
    assert Reader.objects.count() == 1


@pytest.mark.parametrize("header", [{"Sec-Purpose": "prefetch"}, {"Purpose": "prefetch"}])
def test_a_prefetch_proves_nobody(client: Client, header: dict[str, str]) -> None:
    client.get("/")
    client.get(make_item().get_absolute_url(), headers=header)
    assert Reader.objects.count() == 0


def test_a_forged_cookie_is_nobody(client: Client) -> None:
    client.cookies["reader"] = "b7e1c1d2a3b44c5d8e9f0a1b2c3d4e5f:1abcde:forged"
    client.get(make_item().get_absolute_url())
    assert Reader.objects.count() == 0


def test_the_cookie_stays_the_same_from_page_to_page(client: Client) -> None:
    client.get("/")
    first = client.cookies["reader"].value
    client.get(make_item().get_absolute_url())
    client.get("/")
    assert client.cookies["reader"].value == first


def test_pages_for_machines_set_no_cookie(client: Client) -> None:
    for path in ("/healthz", "/readyz", "/robots.txt", "/covers/jazz/1.svg", "/feed.atom", "/sitemap.xml"):
        assert "reader" not in client.get(path).cookies, path


def test_a_row_made_by_another_request_meanwhile_does_not_change_the_cookie(client: Client, rf: RequestFactory) -> None:
    client.get("/")
    request = rf.get("/")
    request.COOKIES["reader"] = client.cookies["reader"].value
    request.user = AnonymousUser()
    reader = RequestReader(request)
    assert reader.row is None
    client.get(make_item().get_absolute_url())
    assert reader.public_id == Reader.objects.get().public_id
    assert reader.new_cookie is None


def test_after_signing_out_the_browser_is_somebody_new(client: Client) -> None:
    user = User.objects.create_user("a@example.org", "a@example.org", "correct horse battery")
    client.get("/")
    client.force_login(user)
    client.get(make_item().get_absolute_url())
    client.post("/account/logout/")
    client.get("/")
    client.get(make_item().get_absolute_url())
    readers = Reader.objects.order_by("pk")
    assert [reader.user_id for reader in readers] == [user.pk, None]


def test_the_cookie_of_an_account_is_not_enough_to_be_its_reader(client: Client) -> None:
    client.get("/")
    client.get(make_item().get_absolute_url())
    client.post("/account/signup/", {"email": "a@example.org", "password": "correct horse battery"})
    del client.cookies["sessionid"]
    history = client.get("/history/").context["entries"]
    assert history == []


@pytest.mark.parametrize(
    ("chosen", "header", "expected"),
    [
        (True, "", True),
        (False, "", False),
        (True, "1", False),
        (False, "1", False),
        (None, "", True),
        (None, "1", False),
    ],
)
def test_either_the_reader_or_their_browser_switches_personalisation_off(
    rf: RequestFactory, *, chosen: bool | None, header: str, expected: bool
) -> None:
    request = rf.get("/", headers={"Sec-GPC": header} if header else {})
    request.user = AnonymousUser()
    if chosen is not None:
        request.user = User.objects.create_user("a@example.org", "a@example.org", "correct horse battery")
        Reader.objects.create(user=request.user, personalised=chosen, created_at=NOW)
    assert RequestReader(request).personalised is expected
