from __future__ import annotations

import numpy as np
import pytest

from benchmarks.negatives_statistics import Comparison, holm, paired, paired_p
from retrieval.metrics import Interval


def test_holm_worked_by_hand() -> None:
    # sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1 -> 0.02, 0.03, 0.06, and 0.04 may not fall below 0.06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_stays_within_one() -> None:
    assert holm([0.5, 0.9, 0.6]) == [1.0, 1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


def test_p_worked_by_hand() -> None:
    # differences 1, 2, 3 of three readers: mean 2, error 1 / sqrt(3), t = 3.464 with two degrees of freedom
    ours = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]])
    assert paired_p(ours, np.array([[1.0, 1.0, 1.0]])) == pytest.approx(0.0742, abs=1e-4)
    assert paired_p(np.array([[1.0, 1.0, 1.0]]), ours) == pytest.approx(0.0742, abs=1e-4)


def test_readers_without_a_value_do_not_count() -> None:
    ours, theirs = np.array([[1.0, 2.0, 3.0, np.nan]]), np.array([[0.0, 0.0, 0.0, np.nan]])
    assert paired_p(ours, theirs) == pytest.approx(paired_p(ours[:, :3], theirs[:, :3]))


def test_nothing_to_tell_is_p_of_one() -> None:
    same = np.array([[0.5, 0.25, 0.0]])
    assert paired_p(same, same) == 1.0
    assert paired_p(np.array([[1.0]]), np.array([[0.0]])) == 1.0


def test_the_same_gain_for_everybody_is_certain() -> None:
    assert paired_p(np.array([[1.5, 2.5]]), np.array([[1.0, 2.0]])) == 0.0


def test_interval_and_p_agree_on_a_clear_difference() -> None:
    rng = np.random.default_rng(0)
    theirs = rng.random((3, 300))
    interval, p = paired(theirs + 0.05 + rng.normal(0, 0.1, 300), theirs)
    assert 0 < interval.low < 0.05 < interval.high < 0.1
    assert p < 1e-6


@pytest.mark.parametrize(
    ("mean", "p_holm", "verdict"), [(1, 0.01, "better"), (-1, 0.01, "worse"), (1, 0.2, "cannot tell")]
)
def test_a_verdict_needs_p_among_all_comparisons(mean: float, p_holm: float, verdict: str) -> None:
    interval = Interval(mean, mean - 0.5, mean + 0.5)
    assert Comparison("a", "b", 16, "equal examples", "ndcg@10", interval, 0.001, p_holm).verdict == verdict
