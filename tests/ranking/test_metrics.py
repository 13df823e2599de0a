from __future__ import annotations

from itertools import permutations
from math import log2

import numpy as np
import pytest

from ranking.metrics import as_shown, mean_and_error, ndcg_at_k, position_weighted


def ndcg(scores: list[float], gains: list[float], sizes: list[int] | None = None, k: int = 10) -> list[float]:
    sizes = [len(scores)] if sizes is None else sizes
    return ndcg_at_k(np.array(scores, float), np.array(gains, float), np.array(sizes), k).tolist()


def test_by_hand() -> None:
    found = ndcg([0.3, 0.2, 0.1, 9.0, 8.0], [0, 3, 1, 1, 0], [3, 2])
    assert found == pytest.approx([(3 / log2(3) + 1 / 2) / (3 + 1 / log2(3)), 1.0])


def test_only_the_first_k_count() -> None:
    assert ndcg([3, 2, 1], [0, 0, 1], k=2) == [0.0]
    assert ndcg([3, 2, 1], [1, 1, 1], k=2) == pytest.approx([1.0])


def test_a_visit_without_a_gain_belongs_in_no_average() -> None:
    found = ndcg([1, 2, 3, 4], [0, 0, 1, 0], [2, 2])
    assert np.isnan(found[0])
    assert mean_and_error(np.array(found))[0] == found[1]


def test_rows_of_one_score_are_worth_the_mean_of_all_their_orders() -> None:
    gains = [2.0, 0.0, 1.0]
    orders = [ndcg(list(scores), gains, k=2)[0] for scores in permutations([3.0, 2.0, 1.0])]
    assert ndcg([5, 5, 5], gains, k=2) == pytest.approx([np.mean(orders)])


def test_a_tie_does_not_reach_into_the_next_visit() -> None:
    assert ndcg([2, 1, 1, 0], [0, 1, 1, 0], [2, 2]) == pytest.approx([1 / log2(3), 1.0])


def test_as_shown_keeps_the_rows_in_their_order() -> None:
    sizes = np.array([3, 2])
    found = ndcg_at_k(as_shown(sizes), np.array([0, 0, 1, 0, 1.0]), sizes, 10)
    assert found.tolist() == pytest.approx([1 / log2(4), 1 / log2(3)])


def test_a_click_where_few_look_weighs_more_but_not_without_bound() -> None:
    weighed = position_weighted(np.array([1, 1, 2, 0]), np.array([1.0, 0.5, 0.01, 0.01]), least=0.1)
    assert weighed.tolist() == pytest.approx([1, 2, 20, 0])
    with pytest.raises(ValueError, match="above 0"):
        position_weighted(np.ones(1), np.zeros(1), least=0.1)


def test_mean_and_its_error() -> None:
    assert mean_and_error(np.array([1.0, np.nan, 3.0])) == pytest.approx((2.0, 1.0))
    assert all(np.isnan(mean_and_error(np.array([np.nan]))))


@pytest.mark.parametrize(
    ("scores", "gains", "sizes", "k", "said"),
    [
        ([1.0], [1.0], [1], 0, "k is 0"),
        ([1.0], [1.0, 2], [1], 1, "parallel"),
        ([1.0, 2], [1.0, 2], [1], 1, "sum to 1"),
        ([1.0], [1.0], [1, 0], 1, "sum to 1"),
        ([np.nan], [1.0], [1], 1, "NaN"),
        ([1.0], [np.nan], [1], 1, "NaN"),
        ([1.0], [-1.0], [1], 1, "from 0"),
    ],
)
def test_what_is_no_order_is_refused(
    scores: list[float], gains: list[float], sizes: list[int], k: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        ndcg(scores, gains, sizes, k)


def test_no_visits_have_no_values() -> None:
    assert ndcg([], [], []) == []
