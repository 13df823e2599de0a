from __future__ import annotations

from datetime import timedelta

import pytest

from feedback.interactions import record_click, record_state, take_back
from feedback.kinds import Kind
from feedback.popularity import WINDOW, popular_items
from tests.factories import NOW, make_item, make_reader

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_save_counts_more_than_a_click_and_recent_more_than_old() -> None:
    clicked, saved, clicked_long_ago = make_item(), make_item(), make_item()
    record_click(reader=make_reader(), item=clicked, now=NOW - timedelta(hours=1))
    record_state(reader=make_reader(), kind=Kind.SAVE, about=saved, now=NOW - timedelta(hours=1))
    record_click(reader=make_reader(), item=clicked_long_ago, now=NOW - timedelta(days=20))
    assert [item_id for item_id, _ in popular_items(now=NOW, limit=10)] == [saved.pk, clicked.pk, clicked_long_ago.pk]


def test_what_was_taken_back_hidden_too_old_or_yet_to_come_does_not_count() -> None:
    reader = make_reader()
    taken_back, hidden, too_old, to_come = make_item(), make_item(hidden=True), make_item(), make_item()
    record_state(reader=reader, kind=Kind.SAVE, about=taken_back, now=NOW - timedelta(days=1))
    take_back(reader=reader, kind=Kind.SAVE, about=taken_back, now=NOW)
    record_state(reader=reader, kind=Kind.SAVE, about=hidden, now=NOW - timedelta(days=1))
    record_state(reader=reader, kind=Kind.SAVE, about=too_old, now=NOW - WINDOW - timedelta(seconds=1))
    record_state(reader=reader, kind=Kind.SAVE, about=to_come, now=NOW + timedelta(days=1))
    assert popular_items(now=NOW, limit=10) == []
