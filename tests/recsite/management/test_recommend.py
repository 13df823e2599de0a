from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Item
from feedback.models import Slate
from tests.factories import make_interaction
from tests.recsite.released import NOW, RELEASE, FakeShelf, make_lover, make_world, put_live

pytestmark = pytest.mark.django_db


@pytest.fixture
def items(monkeypatch: pytest.MonkeyPatch) -> dict[int, Item]:
    put_live(monkeypatch)
    return make_world()


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("recommend", *arguments, "--now", NOW.isoformat(), stdout=out)
    return out.getvalue()


def fails(*arguments: str) -> CommandError:
    with pytest.raises(CommandError) as raised:
        run(*arguments)
    return raised.value


def test_the_page_is_printed_with_its_funnel_and_nothing_is_recorded(items: dict[int, Item]) -> None:
    reader = make_lover(0, items)
    text = run(str(reader.public_id), "--limit", "3")
    assert f"release {RELEASE}" in text
    assert "knows 4 reactions" in text
    assert all(word in text for word in ("two_tower", "followed", "together", "consumed", "Number 1", "reason"))
    assert not Slate.objects.exists()
    assert run(str(reader.public_id), "--limit", "3") == text


def test_explained_each_item_has_what_its_score_is_made_of(items: dict[int, Item]) -> None:
    reader = make_lover(0, items)
    text = run(str(reader.public_id), "--limit", "2", "--explain")
    assert text.count("by fusion") == 2
    assert "two_tower" in text


def test_what_staff_have_hidden_explains_nothing(items: dict[int, Item]) -> None:
    reader = make_lover(0, items)
    first = next(iter(re.findall(r"Number (\d+)", run(str(reader.public_id), "--limit", "2"))))
    Item.objects.filter(slug=f"number-{first}").update(hidden=True)
    text = run(str(reader.public_id), "--limit", "2", "--explain")
    assert "moved it" not in text
    assert f"Number {first} " not in text


def test_the_reader_is_as_the_site_knew_them_at_that_moment(items: dict[int, Item]) -> None:
    reader = make_lover(0, items)
    before = run(str(reader.public_id))
    for item_id in (101, 103, 105):
        make_interaction(reader, "like", items[item_id], happened_at=NOW + timedelta(minutes=5))
    assert run(str(reader.public_id)) == before


def test_what_was_removed_is_counted_by_reason(items: dict[int, Item]) -> None:
    reader = make_lover(0, items)
    Item.objects.filter(pk__in=(110, 112)).update(hidden=True)
    assert "not_public      2" in run(str(reader.public_id))


def test_without_a_release_it_says_what_to_do(items: dict[int, Item], monkeypatch: pytest.MonkeyPatch) -> None:
    put_live(monkeypatch, FakeShelf(trouble="ReleaseBroken: a file is damaged"))
    error = fails(str(make_lover(0, items).public_id))
    assert error.returncode == 1
    assert "a file is damaged" in str(error)


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (("nobody",), "no reader nobody", 1),
        (("6e9a0a3e-3d0c-4c83-9c8f-0f3c7c0b8a11",), "Nothing is known", 1),
        (("READER", "--release", "12345"), "no release 12345", 1),
        (("READER", "--limit", "0"), "1 or more", 2),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_cause(
    items: dict[int, Item], arguments: tuple[str, ...], said: str, code: int
) -> None:
    public_id = str(make_lover(0, items).public_id)
    error = fails(*(public_id if argument == "READER" else argument for argument in arguments))
    assert (said in str(error), error.returncode) == (True, code)


def test_a_moment_that_is_none_is_refused(items: dict[int, Item]) -> None:
    with pytest.raises(CommandError, match="2026-03-01T12:00:00Z") as raised:
        call_command("recommend", str(make_lover(0, items).public_id), "--now", "yesterday")
    assert raised.value.returncode == 2


def test_when_nothing_is_left_to_show_it_says_so(items: dict[int, Item]) -> None:
    reader = make_lover(0, items)
    Item.objects.update(hidden=True)
    assert fails(str(reader.public_id)).returncode == 1
