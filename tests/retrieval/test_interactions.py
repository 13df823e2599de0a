from __future__ import annotations

import numpy as np
import pytest

from retrieval.interactions import Interactions


def made(times: list[float], weights: list[float] | None = None) -> Interactions:
    items = np.arange(len(times))
    return Interactions.in_order(items, items, np.array(times), None if weights is None else np.array(weights))


def test_rows_are_sorted_by_time_and_ties_keep_their_order() -> None:
    assert made([3.0, 1.0, 3.0, 2.0]).item_ids.tolist() == [1, 3, 0, 2]


def test_weights_stay_with_their_rows() -> None:
    assert made([2.0, 1.0], [5.0, 7.0]).weights.tolist() == [7.0, 5.0]


def test_before_leaves_out_the_moment_itself() -> None:
    assert len(made([1.0, 2.0, 3.0]).before(2.0)) == 1


def test_a_mask_takes_rows() -> None:
    assert made([1.0, 2.0, 3.0]).take(np.array([True, False, True])).item_ids.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("times", "weights", "said"),
    [
        ([1.0, float("nan")], [1.0, 1.0], "finite"),
        ([2.0, 1.0], [1.0, 1.0], "in order"),
        ([1.0, 2.0], [1.0, 0.0], "above 0"),
        ([1.0, 2.0], [1.0, float("inf")], "finite and above 0, but one is inf"),
        ([1.0, 2.0], [1.0, float("nan")], "finite and above 0, but one is nan"),
        ([1.0, 2.0], [1.0], "parallel"),
    ],
)
def test_rows_that_say_nothing_sensible_are_refused(times: list[float], weights: list[float], said: str) -> None:
    ids = np.arange(2)
    with pytest.raises(ValueError, match=said):
        Interactions(ids, ids, np.array(times), np.array(weights, np.float32))


@pytest.mark.parametrize("name", ["reader_ids", "item_ids"])
def test_ids_of_a_column_with_nulls_are_refused_before_they_become_other_ids(name: str) -> None:
    ids = {"reader_ids": np.arange(2), "item_ids": np.arange(2)} | {name: np.array([1.0, np.nan])}
    with pytest.raises(ValueError, match=f"{name} are float64"):
        Interactions.in_order(**ids, times_s=np.arange(2.0))
    with pytest.raises(ValueError, match=f"{name} are float64"):
        Interactions(**ids, times_s=np.arange(2.0), weights=np.ones(2, np.float32))
