from __future__ import annotations

import shutil

import numpy as np
import pytest

from recsite.models import ItemVector
from recsite.releases.loading import ReleaseBroken, load_release, read_vectors
from recsite.releases.store import ArtefactStore
from tests.factories import NOW
from tests.recsite.funnel.world import boosted_ranker, fusion_ranker, small_stage
from tests.recsite.releases.stored import RETRIEVER, add_item, stored_release
from tests.retrieval.worlds import UNTIL

pytestmark = pytest.mark.django_db(transaction=True)


def test_loaded_release_is_the_one_that_was_stored(files: ArtefactStore) -> None:
    release = stored_release(files, boosted_ranker())
    loaded = load_release(release)

    assert loaded.id == release.pk
    assert loaded.trained_until == UNTIL
    assert np.array_equal(loaded.stage.item_vectors, small_stage().item_vectors)
    rows = np.random.default_rng(0).random((5, len(boosted_ranker().feature_set.names)), np.float32)
    assert np.allclose(loaded.ranker.order.scores(rows), boosted_ranker().order.scores(rows), atol=1e-4)


def test_stage_that_two_releases_share_is_loaded_once(files: ArtefactStore) -> None:
    first = load_release(stored_release(files, boosted_ranker()))
    second = load_release(stored_release(files, fusion_ranker()), beside=[first])

    assert second.base is first.base
    assert second.ranker is not first.ranker


def test_vectors_of_new_items_come_with_every_release_of_the_retriever(files: ArtefactStore) -> None:
    older, newer = stored_release(files, fusion_ranker()), stored_release(files, fusion_ranker())
    other = stored_release(files, fusion_ranker(), retriever_sha256="0" * 64)
    new, changed = add_item(500), add_item(501)
    towards = small_stage().item_vectors[0].astype("<f4")
    for release, item, vector, version in (
        (older, new, towards, NOW),
        (older, changed, -towards, NOW),
        (newer, changed, towards, NOW.replace(hour=20)),
        (other, add_item(502), towards, NOW),
    ):
        ItemVector.objects.create(
            release=release, item=item, vector=vector.tobytes(), of_version=version, made_at=version
        )

    loaded = load_release(newer)

    assert loaded.vectors.item_ids.tolist() == [500, 501]
    assert np.array_equal(loaded.vectors.vectors, np.stack([towards, towards]))
    assert {500, 501} <= set(loaded.stage.index.search(towards, 3).item_ids.tolist())
    assert len(read_vectors("f" * 64, width=16)) == 0


def test_vectors_of_another_width_are_refused(files: ArtefactStore) -> None:
    release = stored_release(files, fusion_ranker())
    ItemVector.objects.create(release=release, item=add_item(500), vector=bytes(12), of_version=NOW, made_at=NOW)

    with pytest.raises(ReleaseBroken, match="not 16 wide"):
        load_release(release)


def test_copy_that_was_damaged_is_fetched_again(files: ArtefactStore) -> None:
    release = stored_release(files, fusion_ranker())
    load_release(release)
    (files.cache / RETRIEVER / "index.npz").write_bytes(b"damaged")

    assert load_release(release).id == release.pk


@pytest.mark.parametrize("part", ["retriever", "ranker"])
def test_release_without_its_files_is_broken(files: ArtefactStore, part: str) -> None:
    release = stored_release(files, fusion_ranker())
    files.delete(getattr(release, part))

    with pytest.raises(ReleaseBroken, match=f"{getattr(release, part)} cannot be loaded"):
        load_release(release)


def test_release_damaged_in_the_store_is_broken(files: ArtefactStore) -> None:
    release = stored_release(files, fusion_ranker())
    shutil.copyfile(__file__, files.url.removeprefix("file://") + f"/{RETRIEVER}/index.npz")

    with pytest.raises(ReleaseBroken, match=r"index\.npz of retriever-small"):
        load_release(release)
