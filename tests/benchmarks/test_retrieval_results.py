from __future__ import annotations

from dataclasses import replace
from math import log2

import numpy as np
import pytest

from benchmarks import retrieval_results
from benchmarks.retrieval_peers import fit_popularity
from benchmarks.retrieval_protocols import Queries, splits
from benchmarks.retrieval_results import evaluate
from benchmarks.retrieval_world import made_up_world
from tests.benchmarks.small_ratings import ratings_of

WORLD = made_up_world(40, 220, seed=4)


class Falling:
    """Scores items by their number alone, the lowest first."""

    def __init__(self, num_items: int) -> None:
        self.num_items = num_items
        self.asked: list[Queries] = []

    def scores(self, queries: Queries) -> np.ndarray:
        self.asked.append(queries)
        return np.tile(-np.arange(self.num_items, dtype=np.float32), (len(queries), 1))


def test_two_readers_by_hand() -> None:
    """Reader 1 has seen the first item, so her answer, the third, is second; reader 2's is the third of three left."""
    dataset = ratings_of({1: [100, 102], 2: [101, 103]}, num_items=4, ratings=[1, 1, 5, 3])
    (split,) = splits(dataset, "A")
    outcome = evaluate(dataset, split, Falling(4))
    assert outcome.reader_ids.tolist() == [1, 2]
    assert outcome.by_reader["recall@10"].tolist() == [1, 1]
    assert outcome.by_reader["ndcg@10"].tolist() == pytest.approx([1 / log2(3), 1 / log2(4)])
    assert outcome.by_reader["mrr@10"].tolist() == pytest.approx([1 / 2, 1 / 3])
    assert outcome.by_reader["liked ndcg@10"].tolist() == pytest.approx([1 / log2(3), np.nan], nan_ok=True)
    assert outcome.lists["coverage"] == 1
    assert outcome.lists["overlap"] == pytest.approx(2 / 10)  # items 102 and 103


def test_only_candidates_are_ranked() -> None:
    dataset = ratings_of({1: [100, 103]}, num_items=4)
    (split,) = splits(dataset, "A")
    only = replace(split, candidates=np.array([False, False, False, True]))
    assert evaluate(dataset, split, Falling(4)).by_reader["mrr@10"].tolist() == pytest.approx([1 / 3])
    assert evaluate(dataset, only, Falling(4)).by_reader["mrr@10"].tolist() == [1]


def test_asking_in_small_batches_changes_nothing_and_shows_no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    (split,) = splits(WORLD, "B")
    scorer = fit_popularity(WORLD, split, seed=0)
    whole = evaluate(WORLD, split, scorer)
    monkeypatch.setattr(retrieval_results, "_SCORES_AT_ONCE", 7 * WORLD.num_items)
    spy = Falling(WORLD.num_items)
    evaluate(WORLD, split, spy)
    parts = evaluate(WORLD, split, scorer)
    assert {len(asked) for asked in spy.asked[:-1]} == {7}
    assert not any(len(targets) for asked in spy.asked for targets in asked.targets)
    assert whole.lists == parts.lists
    assert all(
        (whole.by_reader[name] == parts.by_reader[name]).all() for name in whole.by_reader if "liked" not in name
    )


def test_a_readers_ten_queries_are_one_reader() -> None:
    (split,) = splits(WORLD, "B")
    outcome = evaluate(WORLD, split, fit_popularity(WORLD, split, seed=0))
    assert len(split.queries) > 350
    assert len(outcome.reader_ids) == len(outcome.by_reader["ndcg@10"]) == 40


def test_scores_of_another_shape_are_refused() -> None:
    (split,) = splits(WORLD, "A")
    with pytest.raises(ValueError, match="40 queries x 220 items"):
        evaluate(WORLD, split, Falling(219))


def test_a_split_that_asks_nobody_has_no_values() -> None:
    (split,) = splits(WORLD, "A")
    nobody = replace(split, queries=split.queries.take(np.empty(0, np.int64)))
    outcome = evaluate(WORLD, nobody, Falling(220))
    assert (outcome.by_reader, outcome.lists) == ({}, {})
