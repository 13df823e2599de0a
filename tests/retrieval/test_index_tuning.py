from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.index_config import IndexConfig, Kind
from retrieval.index_tuning import least_score, tuned_base
from retrieval.index_vectors import ItemVectors
from tests.retrieval.index_worlds import APPROXIMATE, NUM_ITEMS, QUERIES, item_ids, overlapping

ITEMS = ItemVectors(item_ids(NUM_ITEMS), overlapping(NUM_ITEMS, seed=2))
CONFIG = IndexConfig(recall_at=30, recall_goal=0.8)


def test_the_least_score_is_that_of_the_last_of_the_best() -> None:
    vectors = np.array([[4], [1], [3], [2]], np.float32)
    assert [least_score(np.ones(1, np.float32), vectors, k) for k in (1, 2, 4)] == [4, 3, 1]


@pytest.mark.parametrize("kind", APPROXIMATE)
def test_a_higher_goal_is_bought_with_more_effort(kind: Kind) -> None:
    config = replace(CONFIG, kind=kind)
    modest = tuned_base(ITEMS, config, QUERIES).tuning
    high = tuned_base(ITEMS, replace(config, recall_goal=0.98), QUERIES).tuning
    assert modest.recall >= 0.8
    assert high.recall >= 0.98
    assert high.effort >= modest.effort


def test_four_bits_fetch_more_than_they_hand_out_and_eight_do_not() -> None:
    fetches = {kind: tuned_base(ITEMS, replace(CONFIG, kind=kind), QUERIES).tuning.fetch for kind in APPROXIMATE}
    assert fetches[Kind.IVF_4BIT] > 1
    assert fetches[Kind.IVF_8BIT] == fetches[Kind.HNSW] == 1


def test_a_goal_out_of_reach_gets_all_there_is_and_says_what_that_finds() -> None:
    """Hundreds of items in a row lie closer together than four bits can tell."""
    close = np.ones((2_000, 16), np.float32) + 1e-4 * overlapping(2_000, seed=5)
    close[0] += 100
    base = tuned_base(ItemVectors(item_ids(2_000), close), replace(CONFIG, kind=Kind.IVF_4BIT), QUERIES)
    assert base.ann is not None
    assert base.tuning.effort == base.ann.nlist
    assert 0 < base.tuning.recall < 0.8


def test_an_exact_index_has_nothing_to_tune() -> None:
    assert tuned_base(ITEMS, CONFIG, QUERIES[:0]).tuning.recall == 1
