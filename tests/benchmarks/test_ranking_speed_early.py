from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks import ranking_speed_early
from benchmarks.ranking_speed_early import COLUMN, EVERYTHING, EarlyMeasured, _ndcg, early_measured, of_rows
from tests.benchmarks.small_ranker import small

Told = Callable[[int, str], EarlyMeasured]


@pytest.fixture(scope="module")
def told() -> Told:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking_speed_early, "KEPT", (100, 30))
        found = early_measured(small().ranker, small().later, small().desk, rounds=1)
    by_name = {(one.kept, one.by): one for one in found}
    return lambda kept, by: by_name[kept, by]


def test_without_a_first_pass_nothing_is_lost(told: Told) -> None:
    none = told(150, EVERYTHING)
    assert (none.surviving_share, none.ratio, none.ndcg_difference) == (1, 1, (0, 0, 0))


def test_more_trees_and_more_places_lose_less_and_one_column_loses_most(told: Told) -> None:
    column = f"{COLUMN} score"
    shares = [told(*name).surviving_share for name in [(30, column), (30, "first 5 trees"), (30, "first 20 trees")]]
    assert 0 < shares[0] < shares[1] < shares[2] <= 1
    assert told(30, column).surviving_share < told(100, column).surviving_share < 1
    assert told(30, column).ndcg_difference[0] < told(30, "first 20 trees").ndcg_difference[0]


def test_what_is_cut_is_not_on_the_page() -> None:
    grades = np.array([[3, 0, 0]])
    kept = np.array([0, 1]), np.array([0.5, 1.0])
    assert _ndcg([kept], grades) == pytest.approx(1 / np.log2(3))
    assert _ndcg([(np.array([1, 2]), np.array([0.5, 1.0]))], grades) == 0


def test_candidates_that_are_left_keep_what_was_said_of_them() -> None:
    request = small().later.requests[0]
    left = of_rows(request, np.array([2, 7])).candidates
    assert left.item_ids.tolist() == request.candidates.item_ids[[2, 7]].tolist()
    np.testing.assert_array_equal(left.sources[COLUMN].ranks, request.candidates.sources[COLUMN].ranks[[2, 7]])
    np.testing.assert_array_equal(left.covisited, request.candidates.covisited[[2, 7]])
