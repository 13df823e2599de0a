from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from catalog.models import Author, Reader, Topic
from feedback.interactions import (
    SAME_CLICK,
    record_click,
    record_state,
    redo_click,
    take_back,
)
from feedback.kinds import Kind
from feedback.models import Interaction
from tests.factories import NOW, make_author, make_item, make_reader, make_topic

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def standing_items(reader: Reader, kind: Kind) -> set[int]:
    return set(Interaction.objects.standing().filter(reader=reader, kind=kind).values_list("item_id", flat=True))


def test_opening_an_item_again_within_a_visit_is_the_same_click() -> None:
    reader, item = make_reader(), make_item()
    for minutes in (0, 5, 29):
        record_click(reader=reader, item=item, now=NOW + timedelta(minutes=minutes))
    assert Interaction.objects.count() == 1
    record_click(reader=reader, item=item, now=NOW + SAME_CLICK + timedelta(seconds=1))
    assert Interaction.objects.count() == 2


def test_saving_twice_is_one_save_and_taking_it_back_keeps_the_fact() -> None:
    reader, item = make_reader(), make_item()
    record_state(reader=reader, kind=Kind.SAVE, about=item, now=NOW)
    record_state(reader=reader, kind=Kind.SAVE, about=item, now=NOW)
    assert standing_items(reader, Kind.SAVE) == {item.pk}
    take_back(reader=reader, kind=Kind.SAVE, about=item, now=NOW + timedelta(hours=1))
    assert standing_items(reader, Kind.SAVE) == set()
    (kept,) = Interaction.objects.all()
    assert kept.undone_at == NOW + timedelta(hours=1)


def test_an_item_can_be_saved_again_after_it_was_taken_back() -> None:
    reader, item = make_reader(), make_item()
    record_state(reader=reader, kind=Kind.SAVE, about=item, now=NOW)
    take_back(reader=reader, kind=Kind.SAVE, about=item, now=NOW)
    record_state(reader=reader, kind=Kind.SAVE, about=item, now=NOW)
    assert standing_items(reader, Kind.SAVE) == {item.pk}


@pytest.mark.parametrize("make_target", [lambda: make_topic("Jazz"), lambda: make_author("Ida Blom")])
def test_following_changes_the_profile_and_is_remembered(make_target: Any) -> None:
    reader, target = make_reader(), make_target()
    followed = reader.followed_topics if isinstance(target, Topic) else reader.followed_authors
    record_state(reader=reader, kind=Kind.FOLLOW, about=target, now=NOW)
    record_state(reader=reader, kind=Kind.FOLLOW, about=target, now=NOW)
    assert list(followed.all()) == [target]
    assert Interaction.objects.standing().count() == 1
    take_back(reader=reader, kind=Kind.FOLLOW, about=target, now=NOW)
    assert list(followed.all()) == []
    assert Interaction.objects.standing().count() == 0
    assert isinstance(target, Topic | Author)


def test_taking_an_item_out_of_history_takes_every_click_on_it_and_putting_it_back_brings_them_all() -> None:
    reader, item = make_reader(), make_item()
    record_click(reader=reader, item=item, now=NOW)
    record_click(reader=reader, item=item, now=NOW + timedelta(days=1))
    newest = Interaction.objects.latest("happened_at")
    assert take_back(reader=reader, kind=Kind.CLICK, about=item, now=NOW + timedelta(days=2))
    assert standing_items(reader, Kind.CLICK) == set()
    assert redo_click(reader=reader, interaction_id=newest.pk)
    assert Interaction.objects.standing().count() == 2


def test_nobody_takes_back_or_puts_back_what_another_reader_did() -> None:
    reader, item = make_reader(), make_item()
    record_click(reader=reader, item=item, now=NOW)
    click = Interaction.objects.get()
    assert not take_back(reader=make_reader(), kind=Kind.CLICK, about=item, now=NOW)
    assert standing_items(reader, Kind.CLICK) == {item.pk}
    assert take_back(reader=reader, kind=Kind.CLICK, about=item, now=NOW)
    assert not redo_click(reader=make_reader(), interaction_id=click.pk)
    assert standing_items(reader, Kind.CLICK) == set()


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "click"},
        {"kind": "follow"},
        {"kind": "dance", "item": True},
        {"kind": "save", "item": True, "undone_at": NOW - timedelta(days=1)},
        {"kind": "follow", "item": True},
    ],
)
def test_an_interaction_without_sense_is_refused_by_the_database(fields: dict[str, Any]) -> None:
    if "item" in fields:
        fields = fields | {"item": make_item()}
    with pytest.raises(IntegrityError), transaction.atomic():
        Interaction.objects.create(reader=make_reader(), happened_at=NOW, **fields)
