from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command

from catalog.models import Reader
from recsite.visits import current_visit
from tests.factories import NOW, make_interaction, make_item, make_reader

pytestmark = pytest.mark.django_db


def output_of(*arguments: object, **options: Any) -> str:
    output = io.StringIO()
    call_command("forget_reader", *map(str, arguments), stdout=output, **options)
    return output.getvalue()


@pytest.mark.parametrize("by", ["public_id", "external_id"])
def test_a_reader_is_named_by_either_id_and_a_table_says_what_went(by: str) -> None:
    reader = make_reader(external_id="shop:17")
    make_interaction(reader, "like", make_item())
    current_visit(reader.public_id, now=NOW)
    lines = output_of(getattr(reader, by), "--yes").splitlines()
    assert {tuple(line.split()) for line in lines} >= {("interactions", "1"), ("readers", "1"), ("slates", "0")}
    assert Reader.objects.count() == 0
    assert cache.get(f"visit:{reader.public_id.hex}") is None


@pytest.mark.parametrize("name", ["nobody", "0d2a9b8e-4c6f-4a7e-9d0c-1b2a3c4d5e6f"])
def test_an_unknown_reader_ends_with_1_and_says_so(name: str) -> None:
    with pytest.raises(CommandError, match=f"reader {name}") as caught:
        output_of(name, "--yes")
    assert caught.value.returncode == 1


def test_nothing_is_removed_when_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = make_reader()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(CommandError, match="say --yes") as caught:
        output_of(reader.public_id)
    assert caught.value.returncode == 2
    assert Reader.objects.count() == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "left"), [("yes\n", 0), ("y\n", 1), ("\n", 1)])
def test_only_a_whole_yes_removes(monkeypatch: pytest.MonkeyPatch, answer: str, left: int) -> None:
    reader = make_reader()
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    if left:
        with pytest.raises(CommandError, match="Nothing was removed"):
            output_of(reader.public_id)
    else:
        output_of(reader.public_id)
    assert Reader.objects.count() == left
