from __future__ import annotations

from datetime import timedelta

import pytest

from catalog.models import Item
from feedback.counts import take_snapshot
from recsite.models import ItemVector
from recsite.releases.changes import ITEMS
from recsite.releases.live import Shelf, shelf
from recsite.releases.store import ArtefactStore
from tests.recsite.funnel.world import fusion_ranker, reader_query, small_stage
from tests.recsite.releases.shelves import NOTHING_HEARD, first_items, go_live
from tests.recsite.releases.stored import AT, add_item, make_items

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def items() -> None:
    make_items()


def named(held: Shelf, parity: int = 0) -> set[int]:
    serving = held.current()
    assert serving is not None
    return set(serving.funnel.ranked(reader_query(parity, at=AT)).union.item_ids.tolist())


def hide(item_id: int) -> None:
    Item.objects.filter(pk=item_id).update(hidden=True)


def test_hidden_item_is_gone_and_comes_back(files: ArtefactStore) -> None:
    go_live(files)
    shelf().refresh(now=AT)
    item_id = first_items(shelf())[0]
    hide(item_id)
    assert shelf().refresh(now=AT)

    assert item_id not in named(shelf())
    serving = shelf().current()
    assert serving is not None
    assert len(serving.funnel.stage.index) == len(small_stage().item_ids) - 1
    Item.objects.filter(pk=item_id).update(hidden=False)
    shelf().refresh(now=AT)
    assert item_id in named(shelf())


def test_past_a_tenth_of_hidden_items_the_index_is_built_anew_beside_what_serves(files: ArtefactStore) -> None:
    go_live(files)
    shelf().refresh(now=AT)
    assert not shelf().rebuild()
    for item_id in (100, 101, 102):
        hide(item_id)
    shelf().refresh(now=AT)
    before = shelf().current()

    assert shelf().rebuild()
    after = shelf().current()
    assert before is not None
    assert after is not None
    assert before.funnel.stage.index.needs_rebuild
    assert after.funnel.stage.item_ids.tolist() == list(range(103, 124))
    assert not shelf().rebuild()
    hide(103)
    shelf().refresh(now=AT)
    assert 103 not in named(shelf())


def test_an_index_that_cannot_be_built_anew_leaves_what_serves(
    files: ArtefactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_held: object) -> None:
        raise MemoryError("no room for another index")

    monkeypatch.setattr("recsite.releases.live.rebuilt", fails)
    go_live(files)
    shelf().refresh(now=AT)
    before = named(shelf())

    assert not shelf().rebuild()
    assert "no room" in shelf().trouble
    assert named(shelf()) == before


def test_deleted_item_is_gone(files: ArtefactStore) -> None:
    go_live(files)
    shelf().refresh(now=AT)
    item_id = first_items(shelf())[0]
    Item.objects.get(pk=item_id).delete()
    shelf().refresh(now=AT)

    assert item_id not in named(shelf())


def test_item_embedded_since_is_retrieved_by_the_live_and_the_previous_release(files: ArtefactStore) -> None:
    first = go_live(files)
    shelf().refresh(now=AT)
    second = go_live(files, fusion_ranker())
    shelf().refresh(now=AT)
    assert 500 not in named(shelf())
    add_item(500)
    stage = small_stage()
    like = stage.item_vectors[stage.item_ids.tolist().index(100)]
    ItemVector.objects.create(
        release=second, item_id=500, vector=like.astype("<f4").tobytes(), of_version=AT, made_at=AT
    )
    shelf().refresh(now=AT, heard=frozenset({ITEMS}))

    for release in (first, second):
        serving = shelf().of_release(release.pk)
        assert serving is not None
        named_by_towers = serving.funnel.stage.index.search(like, 2).item_ids
        assert set(named_by_towers.tolist()) == {100, 500}
    assert 500 in named(shelf())


def test_new_counts_come_without_reading_items_again(files: ArtefactStore) -> None:
    go_live(files)
    shelf().refresh(now=AT)
    before = shelf().catalogue()
    take_snapshot(now=AT)

    assert shelf().refresh(now=AT, heard=NOTHING_HEARD)
    after = shelf().catalogue()
    assert before is not None
    assert after is not None
    assert (before.counts_as_of, after.counts_as_of) == (None, AT)
    assert after.facts is before.facts


def test_broken_release_does_not_keep_news_of_items_back(files: ArtefactStore) -> None:
    go_live(files)
    shelf().refresh(now=AT)
    files.delete(go_live(files).ranker)
    item_id = first_items(shelf())[0]
    hide(item_id)
    shelf().refresh(now=AT)

    assert shelf().trouble
    assert item_id not in named(shelf())


def test_items_are_looked_at_each_minute_though_nobody_told(
    files: ArtefactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsite.releases.catalogue_watch.items_version", lambda: "the same")
    go_live(files)
    shelf().refresh(now=AT)
    item_id = first_items(shelf())[0]
    hide(item_id)

    shelf().refresh(now=AT + MINUTE / 2, heard=NOTHING_HEARD)
    assert item_id in named(shelf())
    shelf().refresh(now=AT + MINUTE, heard=NOTHING_HEARD)
    assert item_id not in named(shelf())
