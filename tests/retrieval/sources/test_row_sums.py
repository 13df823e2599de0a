from __future__ import annotations

import numpy as np
import pytest

from retrieval.sources.row_sums import sums_by_row

FEW_ROWS, MANY_ROWS = 40, 5_000_000


def arrivals(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(FEW_ROWS, size=500).astype(np.int32), rng.random(500).astype(np.float32)


@pytest.mark.parametrize("num_rows", [FEW_ROWS, MANY_ROWS])
def test_what_arrives_at_a_row_is_added_up(num_rows: int) -> None:
    rows, sums = sums_by_row(np.array([7, 2, 7, 9]), np.array([1.0, 2.0, 0.5, 0.0]), num_rows)
    assert (rows.tolist(), sums.tolist()) == ([2, 7], [2.0, 1.5])


def test_the_number_of_rows_changes_no_bit_of_a_sum() -> None:
    rows, amounts = arrivals(seed=3)
    few, many = sums_by_row(rows, amounts, FEW_ROWS), sums_by_row(rows, amounts, MANY_ROWS)
    assert few[0].tolist() == many[0].tolist() == sorted(set(rows.tolist()))
    assert few[1].tobytes() == many[1].tobytes()


@pytest.mark.parametrize("num_rows", [FEW_ROWS, MANY_ROWS])
def test_where_nothing_arrives_there_is_no_row(num_rows: int) -> None:
    rows, sums = sums_by_row(np.empty(0, np.int32), np.empty(0, np.float32), num_rows)
    assert (len(rows), len(sums)) == (0, 0)
