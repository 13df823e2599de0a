from __future__ import annotations

import json
import re

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.http import HttpResponse
from django.test import Client

from catalog.models import Item, Reader
from feedback.models import Interaction
from recsite import rate_limits
from tests.factories import make_item, make_reader, make_topic

pytestmark = pytest.mark.django_db
EMAIL, PASSWORD = "ida@example.org", "a long walk by the river"


@pytest.fixture
def account() -> User:
    user = User.objects.create_user(EMAIL, EMAIL, PASSWORD)
    make_reader(user=user)
    return user


def read_something(client: Client) -> int:
    item = make_item()
    client.get("/")
    client.get(item.get_absolute_url())
    return item.pk


def history_of(client: Client) -> list[int]:
    return [entry["card"].item.pk for entry in client.get("/history/").context["entries"]]


def without_tokens(response: HttpResponse) -> str:
    return re.sub(r"\b\w{64}\b", "", response.content.decode())


def log_in(client: Client, email: str = EMAIL, password: str = PASSWORD) -> HttpResponse:
    return client.post("/account/login/", {"username": email, "password": password})


def test_signing_up_keeps_the_reader_and_the_history(client: Client) -> None:
    item_id = read_something(client)
    before = Reader.objects.get()
    assert client.post("/account/signup/", {"email": "Ida@Example.org", "password": PASSWORD}).status_code == 302
    after = Reader.objects.get()
    assert after.pk == before.pk
    assert after.user is not None
    assert after.user.email == EMAIL
    assert history_of(client) == [item_id]


def test_signing_up_as_the_first_thing_makes_a_reader(client: Client) -> None:
    client.post("/account/signup/", {"email": EMAIL, "password": PASSWORD})
    assert Reader.objects.get().user is not None


@pytest.mark.parametrize(
    ("email", "password"),
    [("nobody", PASSWORD), ("", PASSWORD), (EMAIL, "short"), (EMAIL, "1234567890"), (EMAIL, EMAIL), (EMAIL, "")],
)
def test_a_bad_sign_up_says_so_and_makes_nothing(client: Client, email: str, password: str) -> None:
    response = client.post("/account/signup/", {"email": email, "password": password})
    assert response.context["form"].errors
    assert User.objects.count() == 0


def test_an_address_has_one_account_however_it_is_written(client: Client, account: User) -> None:
    response = client.post("/account/signup/", {"email": EMAIL.upper(), "password": PASSWORD})
    assert "There is an account" in response.content.decode()
    assert User.objects.count() == 1


def test_logging_in_asks_before_it_merges_and_no_means_no(client: Client, account: User) -> None:
    read_something(client)
    response = log_in(client)
    assert response["Location"].startswith("/account/merge/")
    client.post("/account/merge/", {"answer": "no"})
    assert history_of(client) == []
    assert Interaction.objects.count() == 1


def test_a_merge_that_was_wanted_brings_the_history(client: Client, account: User) -> None:
    item_id = read_something(client)
    log_in(client)
    client.post("/account/merge/", {"answer": "merge"})
    assert history_of(client) == [item_id]
    assert Reader.objects.count() == 1


def test_logging_in_with_nothing_read_asks_nothing(client: Client, account: User) -> None:
    client.get("/")
    assert log_in(client)["Location"] == "/"


def test_a_merge_is_offered_only_to_whoever_logged_in_here(client: Client, account: User) -> None:
    client.force_login(account)
    assert client.get("/account/merge/")["Location"] == "/"


def test_guessing_passwords_is_slowed_down(client: Client, account: User) -> None:
    for _ in range(rate_limits.LOGIN_BY_ACCOUNT.allowed):
        assert log_in(client, password="wrong guess").status_code == 200
    response = log_in(client)
    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0


def test_sign_ups_from_one_address_are_limited(client: Client) -> None:
    statuses = [
        client.post("/account/signup/", {"email": "bad"}).status_code
        for _ in range(rate_limits.SIGNUP_BY_ADDRESS.allowed + 1)
    ]
    assert statuses == [200] * rate_limits.SIGNUP_BY_ADDRESS.allowed + [429]


def test_a_forgotten_password_is_set_anew_by_mail(client: Client, account: User) -> None:
    client.post("/account/password/reset/", {"email": EMAIL})
    link = re.search(r"http://testserver(/\S+)", mail.outbox[0].body)
    assert link is not None
    form_page = client.get(link[1], follow=True)
    new = "another walk by another river"
    client.post(form_page.request["PATH_INFO"], {"new_password1": new, "new_password2": new})
    assert log_in(client, password=new).status_code == 302


def test_asking_for_a_reset_tells_nobody_who_has_an_account(client: Client, account: User) -> None:
    known = client.post("/account/password/reset/", {"email": EMAIL}, follow=True)
    unknown = client.post("/account/password/reset/", {"email": "stranger@example.org"}, follow=True)
    assert without_tokens(known) == without_tokens(unknown)
    assert len(mail.outbox) == 1


def test_reset_mails_to_one_address_are_limited_silently(client: Client, account: User) -> None:
    for _ in range(rate_limits.RESET_BY_ACCOUNT.allowed + 2):
        assert client.post("/account/password/reset/", {"email": EMAIL}).status_code == 302
    assert len(mail.outbox) == rate_limits.RESET_BY_ACCOUNT.allowed


def test_a_password_is_changed(client: Client, account: User) -> None:
    client.force_login(account)
    new = "another walk by another river"
    client.post("/account/password/change/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
    account.refresh_from_db()
    assert account.check_password(new)


def test_the_export_holds_everything_about_the_reader_and_nobody_else(client: Client) -> None:
    item_id = read_something(client)
    make_topic("Jazz")
    client.post("/topics/jazz/follow/")
    stranger = Client()
    read_something(stranger)
    response = client.get("/account/export/")
    assert "attachment" in response["Content-Disposition"]
    data = json.loads(response.getvalue())
    assert [act["kind"] for act in data["interactions"]] == ["click", "follow"]
    assert data["interactions"][0]["item"] == Item.objects.get(pk=item_id).slug
    assert data["reader"]["followed_topics"] == ["jazz"]


def test_the_export_of_nobody_is_empty(client: Client) -> None:
    data = json.loads(client.get("/account/export/").getvalue())
    assert data == {"reader": None, "interactions": [], "slates": []}


def test_deleting_an_account_takes_everything_along(client: Client, account: User) -> None:
    client.force_login(account)
    read_something(client)
    assert client.post("/account/delete/", {"password": "wrong"}).context["form"].errors
    assert User.objects.count() == 1
    assert client.post("/account/delete/", {"password": PASSWORD}).status_code == 200
    assert (User.objects.count(), Reader.objects.count(), Interaction.objects.count()) == (0, 0, 0)


def test_a_reader_without_an_account_can_be_deleted_as_well(client: Client) -> None:
    read_something(client)
    client.post("/account/delete/")
    assert (Reader.objects.count(), Interaction.objects.count()) == (0, 0)


def test_only_languages_that_we_have_are_kept(client: Client) -> None:
    make_item(language="de")
    client.get("/")
    client.post("/account/preferences/", {"languages": ["de", "xx"]})
    assert Reader.objects.get().languages == ["de"]


def test_personalisation_is_switched_off_and_on(client: Client) -> None:
    client.get("/")
    client.post("/account/personalisation/", {"personalised": "0"})
    assert not Reader.objects.get().personalised
    assert "Personalise my feed" in client.get("/account/").content.decode()
    client.post("/account/personalisation/", {"personalised": "1"})
    assert Reader.objects.get().personalised


def test_switching_personalisation_off_needs_our_cookie(client: Client) -> None:
    assert client.post("/account/personalisation/", {"personalised": "0"}).status_code == 400
    assert Reader.objects.count() == 0


def test_a_browser_that_asks_for_privacy_is_told_that_it_is_heard(client: Client) -> None:
    content = client.get("/account/", headers={"Sec-GPC": "1"}).content.decode()
    assert "Global Privacy Control" in content
    assert "Switch personalisation off" not in content


def test_every_form_refuses_a_forged_request(account: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.get("/")
    for path in ("/welcome/", "/account/signup/", "/account/login/", "/account/logout/", "/account/delete/"):
        assert client.post(path, {}).status_code == 403, path


def test_the_admin_has_no_log_in_page_of_its_own(client: Client) -> None:
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0] == "/account/login/?next=%2Fadmin%2F"


def test_a_reader_is_refused_by_the_admin_and_staff_are_let_in(client: Client, account: User) -> None:
    client.force_login(account)
    assert client.get("/admin/", follow=True).status_code == 403
    User.objects.filter(pk=account.pk).update(is_staff=True, is_superuser=True)
    for path in ("/admin/", "/admin/catalog/item/", "/admin/catalog/item/add/", "/admin/feedback/interaction/"):
        assert client.get(path).status_code == 200, path


def test_an_item_made_by_hand_in_the_admin_is_shown(client: Client, account: User) -> None:
    User.objects.filter(pk=account.pk).update(is_staff=True, is_superuser=True)
    client.force_login(account)
    fields = {
        "source": "site",
        "external_id": "by-hand",
        "slug": "by-hand",
        "title": "Made by hand",
        "language": "en",
        "published_at_0": "2026-01-01",
        "published_at_1": "10:00",
        "attributes": "{}",
        "itemtopic_set-TOTAL_FORMS": "0",
        "itemtopic_set-INITIAL_FORMS": "0",
    }
    response = client.post("/admin/catalog/item/add/", fields)
    assert response.status_code == 302, response.context["errors"]
    assert client.get("/items/by-hand/").status_code == 200
