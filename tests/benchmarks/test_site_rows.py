from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.site_rows import CARDS, HISTORY, SEEN, SLATES, fill
from catalog.models import Item, ItemTopic, Reader
from feedback.models import Interaction, Slate, View
from recsite.reader_state import read_state

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def test_readers_come_with_a_past_that_serving_reads() -> None:
    fill(60, 2, seed=1, now=NOW)
    assert (Item.objects.count(), Interaction.objects.count()) == (60, 2 * HISTORY)
    assert (Slate.objects.count(), View.objects.count()) == (2 * SLATES, 2 * SLATES * SEEN)
    assert all(len(slate.items) == CARDS for slate in Slate.objects.all())
    state = read_state(reader=Reader.objects.earliest("pk"), languages=frozenset(), now=NOW)
    assert len(state.history.item_ids) == HISTORY
    assert state.viewed


def test_items_are_public_and_have_topics() -> None:
    fill(60, 0, seed=1, now=NOW)
    assert Item.objects.published(NOW).count() == 60
    assert not Item.objects.filter(published_at__lt=NOW - timedelta(days=731)).exists()
    assert ItemTopic.objects.values("item").distinct().count() == 60
