from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from catalog.models import Reader, ReaderMerge
from feedback.interactions import record_click, record_state
from feedback.kinds import Kind
from feedback.models import Interaction
from feedback.readers import merge_readers
from recsite.identity import find_reader
from tests.factories import NOW, make_item, make_reader, make_topic

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_merge_keeps_everything_of_both_once() -> None:
    old, into = make_reader(languages=["de"]), make_reader()
    read, saved_by_both, saved_by_old = make_item(), make_item(), make_item()
    jazz, birds = make_topic("Jazz"), make_topic("Birds")
    record_click(reader=old, item=read, now=NOW)
    for reader, item in ((old, saved_by_both), (into, saved_by_both), (old, saved_by_old)):
        record_state(reader=reader, kind=Kind.SAVE, about=item, now=NOW)
    for reader, topic in ((old, jazz), (into, jazz), (old, birds)):
        record_state(reader=reader, kind=Kind.FOLLOW, about=topic, now=NOW)

    merge_readers(old=old, into=into, now=NOW)

    assert set(into.interactions.standing().filter(kind=Kind.CLICK).values_list("item_id", flat=True)) == {read.pk}
    both = [saved_by_both.pk, saved_by_old.pk]
    assert set(into.interactions.standing().filter(kind=Kind.SAVE).values_list("item_id", flat=True)) == set(both)
    assert set(into.followed_topics.all()) == {jazz, birds}
    assert into.languages == ["de"]
    assert Interaction.objects.count() == 5
    assert not Reader.objects.filter(public_id=old.public_id).exists()


def test_the_old_id_keeps_leading_to_the_reader_over_two_merges() -> None:
    first, second, third = make_reader(), make_reader(), make_reader()
    merge_readers(old=first, into=second, now=NOW)
    merge_readers(old=second, into=third, now=NOW)
    assert find_reader(first.public_id) == third
    assert find_reader(second.public_id) == third
    assert ReaderMerge.objects.count() == 2


def test_an_account_is_never_swallowed() -> None:
    owner = make_reader(user=User.objects.create_user("a@example.org"))
    with pytest.raises(ValueError, match="has an account"):
        merge_readers(old=owner, into=make_reader(), now=NOW)


def test_a_reader_is_not_merged_into_itself() -> None:
    reader = make_reader()
    with pytest.raises(ValueError, match="into itself"):
        merge_readers(old=reader, into=reader, now=NOW)
