from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrieval.index import Index, IndexConfig, IndexFileError, ItemVectors
from retrieval.index_config import Kind
from tests.retrieval.index_worlds import NUM_ITEMS, QUERIES, built, item_ids, overlapping

VECTORS, IDS = overlapping(NUM_ITEMS, seed=2), item_ids(NUM_ITEMS)


@pytest.mark.parametrize("kind", list(Kind))
def test_saving_and_loading_changes_nothing(kind: Kind, tmp_path: Path) -> None:
    index = built(kind).apply(ItemVectors(np.array([1, 2]), QUERIES[:2]), IDS[:40])
    index.save(tmp_path / "index")
    loaded = Index.load(tmp_path / "index", VECTORS, IDS)
    assert (loaded.version, loaded.kind, loaded.recall, loaded.config) == (
        index.version,
        index.kind,
        index.recall,
        index.config,
    )
    assert loaded.queries.tolist() == index.queries.tolist()
    for query in QUERIES[:10]:
        wanted, found = index.search(query, 50, IDS[90:99]), loaded.search(query, 50, IDS[90:99])
        assert found.item_ids.tolist() == wanted.item_ids.tolist()
        assert found.scores.tolist() == wanted.scores.tolist()
    further = ItemVectors(np.array([5]), QUERIES[3:4])
    assert loaded.apply(further).version == index.apply(further).version


def test_the_vectors_may_come_in_another_order(tmp_path: Path) -> None:
    index = built(Kind.IVF_4BIT)
    index.save(tmp_path / "index")
    shuffled = np.random.default_rng(0).permutation(NUM_ITEMS)
    loaded = Index.load(tmp_path / "index", VECTORS[shuffled], IDS[shuffled])
    assert loaded.search(QUERIES[0], 20).item_ids.tolist() == index.search(QUERIES[0], 20).item_ids.tolist()


def test_an_exact_index_takes_no_room_beside_its_vectors(tmp_path: Path) -> None:
    built(Kind.EXACT).save(tmp_path / "index")
    assert (tmp_path / "index").stat().st_size < VECTORS.nbytes / 10


def test_an_empty_index_is_saved_too(tmp_path: Path) -> None:
    vectors, ids = np.empty((0, 2), np.float32), np.empty(0, np.int64)
    Index.build(vectors, ids, IndexConfig(seed=3)).save(tmp_path / "index")
    assert Index.load(tmp_path / "index", vectors, ids).config.seed == 3


@pytest.mark.parametrize(
    ("vectors", "ids", "message"),
    [
        (VECTORS[:-1], IDS[:-1], r"made of vectors \(3000, 16\), but these are \(2999, 16\)"),
        (VECTORS[:, :-1], IDS, r"these are \(3000, 15\)"),
        (VECTORS[::-1], IDS, "other items or vectors"),
        (VECTORS, IDS + 1, "other items or vectors"),
    ],
)
def test_a_file_of_other_items_is_refused_with_the_cure(
    vectors: np.ndarray, ids: np.ndarray, message: str, tmp_path: Path
) -> None:
    built(Kind.IVF_8BIT).save(tmp_path / "index")
    with pytest.raises(IndexFileError, match=message) as caught:
        Index.load(tmp_path / "index", vectors, ids)
    assert "Build the index again" in str(caught.value)


@pytest.mark.parametrize("kept", [0, 100, 50_000])
def test_a_damaged_file_is_refused_with_the_cure(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "index"
    built(Kind.IVF_4BIT).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(IndexFileError, match=r"damaged .* Build the index again from the vectors"):
        Index.load(path, VECTORS, IDS)


def test_a_file_with_another_index_inside_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index"
    built(Kind.IVF_4BIT).save(path)
    smaller = built(Kind.IVF_4BIT, 1_200)
    smaller.save(tmp_path / "smaller")
    with np.load(path) as arrays, np.load(tmp_path / "smaller") as others:
        mixed = dict(arrays) | {"ann": others["ann"]}
    with open(path, "wb") as file:
        np.savez(file, **mixed)
    with pytest.raises(IndexFileError, match="holds 1200 vectors of 16 dimensions"):
        Index.load(path, VECTORS, IDS)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Index.load(tmp_path / "index", VECTORS, IDS)
