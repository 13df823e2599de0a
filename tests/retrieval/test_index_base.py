from __future__ import annotations

import numpy as np
import pytest

from retrieval.index import Index, Kind
from retrieval.index_rows import OpenRows
from tests.retrieval.index_worlds import APPROXIMATE, NUM_ITEMS, QUERIES, built


@pytest.mark.parametrize("kind", [Kind.IVF_4BIT, Kind.HNSW])
def test_more_is_spent_when_items_lie_deep_or_many_rows_are_closed(kind: Kind) -> None:
    base, every_row = built(kind).base, OpenRows.all_of(NUM_ITEMS)
    usual = base.effort(1, 30, every_row)
    assert usual == base.tuning.effort
    assert base.effort(1, 5, every_row) == usual
    assert base.effort(1, 300, every_row) > usual
    assert base.effort(1, 30, every_row.without(np.arange(NUM_ITEMS // 2))) > usual


def test_no_more_lists_are_probed_than_there_are() -> None:
    base = built(Kind.IVF_4BIT).base
    assert base.ann is not None
    nearly_none = OpenRows.all_of(NUM_ITEMS).without(np.arange(NUM_ITEMS - 1))
    assert base.effort(1, 10**6, nearly_none) == base.ann.index.nlist


def test_a_graph_search_keeps_as_many_in_hand_as_are_wanted() -> None:
    assert built(Kind.HNSW).base.effort(2_000, 30, OpenRows.all_of(NUM_ITEMS)) == 2_000


def test_parameters_are_made_once_for_the_same_search_of_the_same_rows() -> None:
    base, every_row = built(Kind.IVF_8BIT).base, OpenRows.all_of(NUM_ITEMS)
    assert base.asked(30, 30, every_row) is base.asked(30, 30, every_row)
    half = every_row.without(np.arange(NUM_ITEMS // 2))
    assert base.asked(30, 30, half).nprobe > base.asked(30, 30, every_row).nprobe == base.tuning.effort


@pytest.mark.parametrize("kind", APPROXIMATE)
def test_searching_leaves_the_shared_faiss_index_as_it_is(kind: Kind) -> None:
    index = built(kind)
    before = set_on(index)
    index.search(QUERIES[0], 200)
    assert set_on(index) == before == (16 if kind is Kind.HNSW else 1)


def set_on(index: Index) -> int:
    assert index.base.ann is not None
    searched = index.base.ann.index
    return searched.hnsw.efSearch if index.kind is Kind.HNSW else searched.nprobe
