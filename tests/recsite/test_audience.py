from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory

from catalog.models import Reader
from recsite.audience import excluded_reason, is_ahead_of_a_person
from recsite.identity import RequestReader
from tests.factories import NOW

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def reason(user: User | AnonymousUser | None = None, **headers: str) -> str | None:
    request = RequestFactory().get("/", headers={"User-Agent": FIREFOX} | headers)
    request.user = user or AnonymousUser()
    request.reader = RequestReader(request)  # type: ignore[attr-defined]
    return excluded_reason(request)


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0)",
        "Baiduspider",
        "SomeCrawler/1.0",
    ],
)
def test_programs_that_say_so_are_bots(agent: str) -> None:
    assert reason(**{"User-Agent": agent}) == "bot"


@pytest.mark.parametrize("agent", [FIREFOX, "", "Mozilla/5.0 (Linux; Android 9; CUBOT_X19)", "HeadlessChrome/120.0"])
def test_people_are_not(agent: str) -> None:
    assert reason(**{"User-Agent": agent}) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "preview"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
    ],
)
def test_what_is_fetched_ahead_is_a_preview(headers: dict[str, str]) -> None:
    assert reason(**headers) == "preview"
    assert is_ahead_of_a_person(RequestFactory().get("/", headers=headers))


@pytest.mark.django_db
def test_staff_come_before_everything() -> None:
    staff = User.objects.create_user("staff", is_staff=True)
    reader = User.objects.create_user("reader")
    assert reason(staff, **{"Sec-Purpose": "prefetch", "User-Agent": "bot"}) == "staff"
    assert reason(reader) is None


@pytest.mark.django_db
def test_whoever_switched_personalisation_off_is_left_out() -> None:
    user = User.objects.create_user("reader")
    Reader.objects.create(user=user, personalised=False, created_at=NOW)
    assert reason(user) == "personalisation_off"
    assert reason(**{"Sec-GPC": "1"}) == "personalisation_off"
