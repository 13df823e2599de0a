from __future__ import annotations

import pytest

from benchmarks.retrieval_matrix import history_matrix, training_matrix
from benchmarks.retrieval_protocols import splits
from tests.benchmarks.small_ratings import ratings_of

DATASET = ratings_of({1: [102, 100, 103], 7: [101, 100]}, num_items=4)
SPLIT = splits(DATASET, "A")[0]


def test_the_training_matrix_holds_nothing_that_was_held_back() -> None:
    readers, matrix = training_matrix(DATASET, SPLIT)
    assert readers.item_ids.tolist() == [1, 7]
    assert matrix.toarray().tolist() == [[1, 0, 1, 0], [0, 1, 0, 0]]


def test_a_history_counts_less_the_further_back() -> None:
    assert history_matrix(DATASET, SPLIT.queries).toarray().tolist() == [[1, 0, 1, 0], [0, 1, 0, 0]]
    recent = history_matrix(DATASET, SPLIT.queries, recency=0.5).toarray()
    assert recent[0].tolist() == pytest.approx([1, 0, 0.5, 0])
    only = history_matrix(DATASET, SPLIT.queries, last_items=1, recency=0.5).toarray()
    assert only[0].tolist() == [1, 0, 0, 0]
