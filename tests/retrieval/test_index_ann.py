from __future__ import annotations

import numpy as np
import pytest

from retrieval import index_ann
from retrieval.index_ann import Ann
from retrieval.index_config import IndexConfig, Kind
from tests.retrieval.index_worlds import APPROXIMATE, DIM, NUM_ITEMS, QUERIES, overlapping

VECTORS = overlapping(NUM_ITEMS, seed=2)


def built(kind: Kind) -> Ann:
    return index_ann.built(kind, VECTORS, QUERIES, IndexConfig())


@pytest.mark.parametrize("kind", APPROXIMATE)
def test_every_kind_fetches_mostly_what_is_best(kind: Kind) -> None:
    ann = built(kind)
    assert ann.shape == VECTORS.shape
    asked = index_ann.parameters(kind, 50, None)
    best = np.argsort(-(VECTORS @ QUERIES[0]))[:20]
    assert len(np.intersect1d(ann.fetched(QUERIES[0], 60, asked), best)) >= 18


def test_what_the_probed_lists_do_not_hold_is_not_filled_up() -> None:
    ann = built(Kind.IVF_8BIT)
    rows = ann.fetched(QUERIES[0], NUM_ITEMS, index_ann.parameters(Kind.IVF_8BIT, 1, None))
    assert 0 < len(rows) < NUM_ITEMS
    assert (rows >= 0).all()


def test_four_bits_take_half_of_eight_where_every_direction_counts_as_much() -> None:
    sizes = {kind: built(kind).index.code_size for kind in APPROXIMATE[1:]}
    assert sizes[Kind.IVF_8BIT] == 2 * sizes[Kind.IVF_4BIT] == VECTORS.shape[1]


def flat(seed: int) -> np.ndarray:
    """(NUM_ITEMS, DIM): a thousandth of the spread lies outside of six directions, none of them an axis."""
    rng = np.random.default_rng(seed)
    turned = np.linalg.qr(np.random.default_rng(0).standard_normal((DIM, DIM)))[0]
    lengths = np.where(np.arange(DIM) < 6, 1.0, 0.01)
    return ((rng.standard_normal((NUM_ITEMS, DIM)) * lengths) @ turned.T).astype(np.float32)


def test_four_bits_hold_the_directions_in_which_scores_differ_and_no_others() -> None:
    ann = index_ann.built(Kind.IVF_4BIT, flat(seed=1), flat(seed=2)[:60], IndexConfig())
    assert ann.directions is not None
    assert (ann.index.d, ann.shape) == (8, (NUM_ITEMS, DIM))
    assert ann.directions.T @ ann.directions == pytest.approx(np.eye(8), abs=1e-5)
    query = flat(seed=3)[0]
    best = np.argsort(-(flat(seed=1) @ query))[:20]
    assert len(np.intersect1d(ann.fetched(query, 60, index_ann.parameters(Kind.IVF_4BIT, 50, None)), best)) >= 18


def test_a_direction_in_which_items_hardly_differ_is_held_where_queries_weigh_it_heavily() -> None:
    """As they do a popularity prior, which is one more dimension."""
    prior = np.random.default_rng(4).standard_normal((NUM_ITEMS, 1)).astype(np.float32)
    vectors = np.hstack([flat(seed=1), 0.03 * prior])
    said = [np.hstack([flat(seed=2)[:60], np.full((60, 1), weight, np.float32)]) for weight in (300, 0)]
    weighed, unweighed = (index_ann.leading_directions(vectors, queries, 30, 0.9) for queries in said)
    assert weighed is not None
    assert unweighed is not None
    assert np.abs(weighed[-1]).max() > 0.99
    assert np.abs(unweighed[-1]).max() < 0.5


def test_where_every_direction_counts_all_are_held() -> None:
    assert index_ann.leading_directions(VECTORS, QUERIES, 30, 1.0) is None


def test_what_all_items_have_in_common_is_no_direction_in_which_scores_differ() -> None:
    moved = index_ann.leading_directions(flat(seed=1) + np.float32(50), flat(seed=2)[:60], 30, 0.9)
    assert moved is not None
    plain = index_ann.leading_directions(flat(seed=1), flat(seed=2)[:60], 30, 0.9)
    assert plain is not None
    assert moved[:, :6] @ moved[:, :6].T == pytest.approx(plain[:, :6] @ plain[:, :6].T, abs=0.01)
