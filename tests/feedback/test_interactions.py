from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from catalog.models import Author, Topic
from feedback.interactions import (
    SAME_CLICK,
    clicked_item_ids,
    follow,
    latest_clicks,
    record_click,
    redo_click,
    save_item,
    saved_item_ids,
    undo_click,
    unfollow,
    unsave_item,
)
from feedback.models import Interaction
from tests.factories import NOW, make_author, make_item, make_reader, make_topic

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_opening_an_item_again_within_a_visit_is_the_same_click() -> None:
    reader, item = make_reader(), make_item()
    for minutes in (0, 5, 29):
        record_click(reader=reader, item=item, now=NOW + timedelta(minutes=minutes))
    assert Interaction.objects.count() == 1
    record_click(reader=reader, item=item, now=NOW + SAME_CLICK + timedelta(seconds=1))
    assert Interaction.objects.count() == 2


def test_saving_twice_is_one_save_and_taking_it_back_keeps_the_fact() -> None:
    reader, item = make_reader(), make_item()
    save_item(reader=reader, item=item, now=NOW)
    save_item(reader=reader, item=item, now=NOW)
    assert saved_item_ids(reader=reader, among=[item.pk]) == {item.pk}
    unsave_item(reader=reader, item=item, now=NOW + timedelta(hours=1))
    assert saved_item_ids(reader=reader, among=[item.pk]) == set()
    (kept,) = Interaction.objects.all()
    assert kept.undone_at == NOW + timedelta(hours=1)


def test_an_item_can_be_saved_again_after_it_was_taken_back() -> None:
    reader, item = make_reader(), make_item()
    save_item(reader=reader, item=item, now=NOW)
    unsave_item(reader=reader, item=item, now=NOW)
    save_item(reader=reader, item=item, now=NOW)
    assert saved_item_ids(reader=reader, among=[item.pk]) == {item.pk}


@pytest.mark.parametrize("make_target", [lambda: make_topic("Jazz"), lambda: make_author("Ida Blom")])
def test_following_changes_the_profile_and_is_remembered(make_target: Any) -> None:
    reader, target = make_reader(), make_target()
    followed = reader.followed_topics if isinstance(target, Topic) else reader.followed_authors
    follow(reader=reader, target=target, now=NOW)
    follow(reader=reader, target=target, now=NOW)
    assert list(followed.all()) == [target]
    assert Interaction.objects.standing().count() == 1
    unfollow(reader=reader, target=target, now=NOW)
    assert list(followed.all()) == []
    assert Interaction.objects.standing().count() == 0
    assert isinstance(target, Topic | Author)


def test_taking_an_item_out_of_history_takes_every_click_on_it_and_putting_it_back_brings_them_all() -> None:
    reader, item = make_reader(), make_item()
    record_click(reader=reader, item=item, now=NOW)
    record_click(reader=reader, item=item, now=NOW + timedelta(days=1))
    newest = latest_clicks(reader=reader).get()
    assert undo_click(reader=reader, interaction_id=newest.pk, now=NOW + timedelta(days=2))
    assert clicked_item_ids(reader=reader) == set()
    assert redo_click(reader=reader, interaction_id=newest.pk)
    assert Interaction.objects.standing().count() == 2


def test_nobody_takes_back_what_another_reader_did() -> None:
    reader, item = make_reader(), make_item()
    record_click(reader=reader, item=item, now=NOW)
    click = Interaction.objects.get()
    assert not undo_click(reader=make_reader(), interaction_id=click.pk, now=NOW)
    assert clicked_item_ids(reader=reader) == {item.pk}


def test_history_lists_each_item_once_newest_first() -> None:
    reader, first, second = make_reader(), make_item(), make_item()
    for hours, item in ((0, first), (1, second), (2, first)):
        record_click(reader=reader, item=item, now=NOW + timedelta(hours=hours))
    assert [click.item_id for click in latest_clicks(reader=reader)] == [first.pk, second.pk]


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
