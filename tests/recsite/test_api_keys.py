"""Keys as operators handle them: on the command line and on the admin page."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from recsite import clock
from recsite.models import ApiKey
from recsite.models.api_keys import hash_of_key

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("api_key", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def works(key: str) -> bool:
    headers = {"Authorization": f"Bearer {key}"}
    return Client().get("/api/v1/feed", {"reader": "7"}, headers=headers).status_code == 200


def test_a_key_is_printed_alone_and_works_until_it_is_revoked() -> None:
    out, err = run("create", "shop backend")
    key = out.strip()
    assert re.fullmatch("[0-9a-f]{64}", key)
    assert "shown only now" in err
    assert works(key)
    assert run("revoke", key[:8])[0] == f"Revoked {key[:8]}… of shop backend.\n"
    assert not works(key)


def test_the_list_tells_keys_apart_and_shows_none(capsys: pytest.CaptureFixture[str]) -> None:
    keys = [run("create", name)[0].strip() for name in ("one", "two")]
    works(keys[1])
    run("revoke", keys[0])
    listed = run("list")[0]
    assert [line.split()[0] for line in listed.splitlines()] == [keys[1][:8], keys[0][:8]]
    assert "revoked" in listed.splitlines()[1]
    assert "never" not in listed.splitlines()[0]
    assert not any(key in listed for key in keys)


def test_an_empty_list_says_how_to_make_a_key() -> None:
    out, err = run("list")
    assert out == ""
    assert "api_key create" in err


def test_revoking_what_is_not_there_or_revoked_or_unclear_fails_with_1() -> None:
    key = run("create", "one")[0].strip()
    run("revoke", key)
    ApiKey.objects.create(name="x", prefix="abcd1234", hash="1", created_at=clock.now())
    ApiKey.objects.create(name="y", prefix="abcd1234", hash="2", created_at=clock.now())
    for prefix, words in ((key, "is revoked already"), ("0" * 8, "begins no key"), ("abcd1234", "more than one")):
        with pytest.raises(CommandError, match=words) as refused:
            run("revoke", prefix)
        assert refused.value.returncode == 1
    assert ApiKey.objects.standing().count() == 2


@pytest.mark.parametrize("arguments", [["create", " "], ["create", "x" * 101], ["revoke", "abc"], ["burn"], []])
def test_wrong_usage_is_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)


def test_the_admin_page_shows_a_key_once(admin_client: Client) -> None:
    page = admin_client.post("/admin/recsite/apikey/add/", {"name": "shop"})
    (key,) = re.findall(r"<code data-key>([0-9a-f]{64})</code>", page.content.decode())
    assert ApiKey.objects.get().hash == hash_of_key(key)
    assert works(key)
    row = ApiKey.objects.get()
    for path in ("", f"{row.pk}/change/"):
        content = admin_client.get(f"/admin/recsite/apikey/{path}", follow=True).content.decode()
        assert key not in content
    assert row.prefix in admin_client.get("/admin/recsite/apikey/").content.decode()


def test_the_admin_page_revokes(admin_client: Client) -> None:
    row, key = ApiKey.objects.make(name="shop", now=clock.now())
    admin_client.post("/admin/recsite/apikey/", {"action": "revoke", "_selected_action": [row.pk]})
    assert not works(key)
    assert ApiKey.objects.count() == 1


def test_the_admin_page_neither_changes_nor_deletes(admin_client: Client) -> None:
    row, _ = ApiKey.objects.make(name="shop", now=clock.now())
    assert admin_client.post(f"/admin/recsite/apikey/{row.pk}/change/", {"name": "other"}).status_code == 403
    assert admin_client.post(f"/admin/recsite/apikey/{row.pk}/delete/", {"post": "yes"}).status_code == 403
