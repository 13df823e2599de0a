from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from catalog.models import Item
from recsite.models import ItemVector, Release, TrainingRun
from recsite.releases.changes import ITEMS, Listener
from recsite.releases.embedding import embed_new_items
from recsite.releases.live import shelf
from recsite.releases.loading import ReleaseBroken
from recsite.releases.registry import promote
from recsite.releases.store import ArtefactStore
from tests.recsite.funnel.world import fusion_ranker, small_stage
from tests.recsite.releases.stored import AT, add_item, make_items, stored_release
from tests.retrieval.worlds import EVEN_TOPIC, START, UNTIL

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def items() -> None:
    make_items()


@pytest.fixture
def release(files: ArtefactStore) -> Release:
    return promote(stored_release(files, fusion_ranker()), by="test", reason="", now=AT)


def embedded() -> list[int]:
    return list(ItemVector.objects.order_by("item_id").values_list("item_id", flat=True))


def edit(item_id: int, **fields: object) -> None:
    Item.objects.filter(pk=item_id).update(**fields)


@pytest.mark.usefixtures("files")
def test_without_a_release_there_is_nothing_to_embed_with() -> None:
    assert embed_new_items(now=AT) == 0


def test_items_of_training_have_their_vectors(release: Release) -> None:
    assert embed_new_items(now=AT) == 0


def test_item_published_since_lies_beside_its_kind(release: Release) -> None:
    add_item(500, title="Number 500, even and calm", topic=EVEN_TOPIC, summary="Even and calm", at=UNTIL)

    assert embed_new_items(now=AT) == 1
    row = ItemVector.objects.get()
    assert (row.release, row.item_id, row.of_version, row.made_at) == (release, 500, UNTIL, AT)
    vector = np.frombuffer(row.vector, "<f4")
    stage = small_stage()
    even = stage.item_vectors[stage.item_ids % 2 == 0] @ vector
    odd = stage.item_vectors[stage.item_ids % 2 == 1] @ vector
    assert even.mean() > odd.mean()
    assert embed_new_items(now=AT) == 0


def test_item_that_is_new_to_the_release_is_embedded_however_old_it_is(release: Release) -> None:
    add_item(500, at=START - timedelta(days=400))

    assert embed_new_items(now=AT) == 1


def test_changed_item_is_embedded_again(release: Release) -> None:
    edit(100, title="Quite another thing", updated_at=UNTIL + HOUR)
    assert embed_new_items(now=AT) == 1
    first = ItemVector.objects.get()
    assert embed_new_items(now=AT) == 0
    edit(100, title="And yet another", updated_at=UNTIL + 2 * HOUR)
    assert embed_new_items(now=AT + HOUR) == 1

    again = ItemVector.objects.get()
    assert again.of_version == UNTIL + 2 * HOUR
    assert again.vector != first.vector


def test_change_that_the_training_saw_is_no_reason(release: Release) -> None:
    """The training read the catalogue when it began, after the last interaction that it knows."""
    TrainingRun.objects.create(kind="retriever", started_at=UNTIL + 2 * HOUR, process="test", release=release)
    edit(100, updated_at=UNTIL + HOUR)
    edit(101, updated_at=UNTIL + 3 * HOUR)

    embed_new_items(now=AT)

    assert embedded() == [101]


def test_hidden_item_waits_until_it_is_shown(release: Release) -> None:
    add_item(500, hidden=True)
    assert embed_new_items(now=AT) == 0
    edit(500, hidden=False)
    assert embed_new_items(now=AT) == 1


def test_releases_of_one_retriever_share_vectors(release: Release, files: ArtefactStore) -> None:
    add_item(500)
    embed_new_items(now=AT)
    promote(stored_release(files, fusion_ranker()), by="test", reason="", now=AT)

    assert embed_new_items(now=AT) == 0


def test_previous_release_gets_vectors_too(release: Release, files: ArtefactStore) -> None:
    """Of two retrievers, here with one content under two names."""
    other = stored_release(files, fusion_ranker())
    files.put(files.fetch(release.retriever, release.retriever_sha256), "retriever-other")
    Release.objects.filter(pk=other.pk).update(retriever="retriever-other", retriever_sha256="0" * 64)
    promote(other, by="test", reason="", now=AT)
    add_item(500)

    with pytest.raises(ReleaseBroken, match="retriever-other"):  # its checksum is not that of the files
        embed_new_items(now=AT)
    assert [row.release for row in ItemVector.objects.all()] == [release]


def test_many_items_are_embedded_in_parts(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsite.releases.embedding.AT_ONCE", 2)
    for item_id in range(500, 505):
        add_item(item_id)

    assert embed_new_items(now=AT) == 5
    assert embedded() == [500, 501, 502, 503, 504]


def test_processes_are_told_and_find_the_item(release: Release) -> None:
    shelf().refresh(now=AT)
    listener = Listener()
    listener.open()
    add_item(500, topic=EVEN_TOPIC)
    embed_new_items(now=AT)
    heard = listener.wait(30)
    listener.close()

    assert heard == {ITEMS}
    shelf().refresh(now=AT, heard=heard)
    serving = shelf().current()
    assert serving is not None
    assert 500 in serving.funnel.stage.index.delta.item_ids


def test_item_deleted_while_it_was_embedded_leaves_nothing(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    add_item(500), add_item(501)
    monkeypatch.setattr("recsite.releases.embedding._missing", lambda _release: np.array([500, 501, 502], np.int64))

    assert embed_new_items(now=AT) == 2
    assert embedded() == [500, 501]
