from __future__ import annotations

import numpy as np

from retrieval.sources.distinct import strongest_of_pairs
from tests.retrieval.sources.states import log_of


def test_of_several_amounts_of_a_pair_the_largest_is_kept() -> None:
    log = log_of((2, 5, 0), (1, 5, 1), (2, 5, 2), (2, 4, 3))
    readers, items, amounts = strongest_of_pairs(log, np.array([3.0, 1.0, 2.0, 4.0]))
    assert list(zip(readers, items, amounts, strict=True)) == [(1, 5, 1.0), (2, 4, 4.0), (2, 5, 3.0)]


def test_an_empty_log_has_no_pairs() -> None:
    log = log_of((1, 1, 0)).before(0.0)
    assert [len(column) for column in strongest_of_pairs(log, log.weights)] == [0, 0, 0]
