from __future__ import annotations

import numpy as np
import pytest

from ranking.feature_facts import percentiles


@pytest.mark.parametrize(
    ("scores", "shares"),
    [
        ([3, 1, 2], [1, 1 / 3, 2 / 3]),
        ([3, np.nan, 2], [1, np.nan, 0.5]),
        ([2, 2, 1, 2], [1, 1, 0.25, 1]),
        ([-1, -2, 0.5], [2 / 3, 1 / 3, 1]),
        ([0.0, -0.0, -1], [1, 1, 1 / 3]),
        ([-np.inf, np.inf, -np.nan], [0.5, 1, np.nan]),
        ([5], [1]),
        ([np.nan], [np.nan]),
        ([], []),
    ],
)
def test_a_percentile_is_the_share_of_scores_that_are_not_higher(scores: list[float], shares: list[float]) -> None:
    np.testing.assert_allclose(percentiles(np.array([scores], np.float32)), [shares], rtol=1e-6)


def test_percentiles_equal_counting_one_by_one() -> None:
    rng = np.random.default_rng(4)
    scores = rng.normal(0, 3, (6, 80)).round(1).astype(np.float32)
    scores[rng.random(scores.shape) < 0.5] = np.nan
    counted = [[np.nan if np.isnan(one) else np.mean(row[~np.isnan(row)] <= one) for one in row] for row in scores]
    np.testing.assert_allclose(percentiles(scores), counted, rtol=1e-6)


def test_each_row_is_counted_by_itself() -> None:
    scores = np.array([[1, 2], [9, 8]], np.float32)
    np.testing.assert_array_equal(percentiles(scores), [[0.5, 1], [1, 0.5]])
