from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.index_config import IndexConfig, Kind
from retrieval.index_tuning import tuned_base
from retrieval.index_vectors import ItemVectors
from tests.retrieval.index_worlds import APPROXIMATE, DIM, NUM_ITEMS, QUERIES, item_ids, overlapping

ITEMS = ItemVectors(item_ids(NUM_ITEMS), overlapping(NUM_ITEMS, seed=2))
CONFIG = IndexConfig(recall_at=30, recall_goal=0.8)
BY_SIZE = replace(CONFIG, exact_up_to=1_000)


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


def test_what_four_bits_cannot_tell_apart_is_searched_by_eight_where_the_kind_goes_by_size() -> None:
    """The best item alone is asked for, and eight are fetched at most: the scores of nearly as good ones lie closer."""
    the_best = replace(BY_SIZE, recall_at=1, recall_goal=0.98)
    base = tuned_base(ITEMS, the_best, QUERIES)
    assert tuned_base(ITEMS, replace(the_best, kind=Kind.IVF_4BIT), QUERIES).tuning.recall < the_best.recall_goal
    assert base.kind is Kind.IVF_8BIT
    assert base.tuning.recall >= the_best.recall_goal


def test_what_eight_bits_cannot_tell_apart_either_is_searched_exactly() -> None:
    base = tuned_base(ItemVectors(item_ids(2_000), close(spread=1e-4)), BY_SIZE, QUERIES)
    assert (base.kind, base.ann, base.tuning.recall) == (Kind.EXACT, None, 1)


def test_four_bits_that_reach_the_goal_are_kept() -> None:
    base = tuned_base(ITEMS, BY_SIZE, QUERIES)
    assert base.kind is Kind.IVF_4BIT
    assert base.tuning.recall >= CONFIG.recall_goal


def test_a_kind_that_was_asked_for_is_kept_and_says_what_all_its_effort_finds() -> None:
    items = ItemVectors(item_ids(2_000), close(spread=1e-4))
    base = tuned_base(items, replace(CONFIG, kind=Kind.IVF_4BIT), QUERIES)
    assert base.ann is not None
    assert base.tuning.effort == base.ann.index.nlist
    assert 0 < base.tuning.recall < CONFIG.recall_goal


def close(spread: float) -> np.ndarray:
    """(2_000, DIM): one item far away, so that its distance is what quantisation has to span, all others in a heap."""
    vectors = np.ones((2_000, DIM), np.float32) + spread * overlapping(2_000, seed=5)
    vectors[0] += 100
    return vectors


def test_an_exact_index_has_nothing_to_tune() -> None:
    assert tuned_base(ITEMS, CONFIG, QUERIES[:0]).tuning.recall == 1
