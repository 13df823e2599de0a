from __future__ import annotations

import numpy as np
import pytest

from retrieval import index_ann
from retrieval.index_config import IndexConfig, Kind
from tests.retrieval.index_worlds import APPROXIMATE, NUM_ITEMS, QUERIES, overlapping

VECTORS = overlapping(NUM_ITEMS, seed=2)


@pytest.mark.parametrize("kind", APPROXIMATE)
def test_every_kind_fetches_mostly_what_is_best(kind: Kind) -> None:
    index = index_ann.built(kind, VECTORS, IndexConfig())
    assert (index.ntotal, index.d) == VECTORS.shape
    asked = index_ann.parameters(kind, 100, None)
    best = np.argsort(-(VECTORS @ QUERIES[0]))[:20]
    assert len(np.intersect1d(index_ann.fetched(index, QUERIES[0], 60, asked), best)) >= 18


def test_what_the_probed_lists_do_not_hold_is_not_filled_up() -> None:
    index = index_ann.built(Kind.IVF_8BIT, VECTORS, IndexConfig())
    rows = index_ann.fetched(index, QUERIES[0], NUM_ITEMS, index_ann.parameters(Kind.IVF_8BIT, 1, None))
    assert 0 < len(rows) < NUM_ITEMS
    assert (rows >= 0).all()


def test_four_bits_take_about_half_of_eight() -> None:
    sizes = {kind: index_ann.built(kind, VECTORS, IndexConfig()).code_size for kind in APPROXIMATE[1:]}
    assert sizes[Kind.IVF_8BIT] == 2 * sizes[Kind.IVF_4BIT] == VECTORS.shape[1]
