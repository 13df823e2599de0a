from __future__ import annotations

import numpy as np

from benchmarks.encoders import earlier
from benchmarks.retrieval_protocols import Queries, RowLists
from tests.benchmarks.small_ratings import ratings_of

WORLD = ratings_of({1: [100, 101, 102]}, num_items=4)  # at 0, 1 and 2 seconds after 1970


def asked(at_s: float) -> Queries:
    rows, none = np.array([0, 1, 2]), np.array([0])
    return Queries(np.array([1]), np.array([at_s]), RowLists(rows, none, np.array([3])), RowLists(rows, none, none))


def test_an_earlier_vector_knows_what_had_happened_by_then() -> None:
    before = earlier(WORLD, asked(3601.0), 1)
    assert before.history[0].tolist() == [0, 1]
    assert before.at_s.tolist() == [1.0]


def test_nothing_is_known_before_the_first_event() -> None:
    assert earlier(WORLD, asked(100.0), 1).history[0].tolist() == []


def test_a_vector_without_age_knows_everything() -> None:
    queries = asked(2.0)
    assert earlier(WORLD, queries, 0) is queries
