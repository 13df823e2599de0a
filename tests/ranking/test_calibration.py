from __future__ import annotations

from math import log

import numpy as np
import pytest

from ranking.calibration import (
    Platt,
    calibration_ratio,
    calibration_report,
    fit_platt,
    normalised_entropy,
    reliability,
)


def clicks(*values: int) -> np.ndarray:
    return np.array(values, bool)


def test_always_saying_the_base_rate_is_worth_one() -> None:
    assert normalised_entropy(np.full(4, 0.25), clicks(1, 0, 0, 0)) == pytest.approx(1)


def test_by_hand() -> None:
    found = normalised_entropy(np.array([0.8, 0.4]), clicks(1, 0))
    assert found == pytest.approx((log(0.8) + log(0.6)) / 2 / log(0.5))


def test_confident_and_wrong_is_worse_than_knowing_nothing() -> None:
    assert normalised_entropy(np.array([0.01, 0.99]), clicks(1, 0)) > 1


def test_where_all_or_nothing_was_clicked_there_is_nothing_to_normalise_by() -> None:
    for clicked in (clicks(1, 1), clicks(0, 0), clicks()):
        assert np.isnan(normalised_entropy(np.full(len(clicked), 0.5), clicked))


def test_promising_twice_what_happens_is_a_ratio_of_two() -> None:
    assert calibration_ratio(np.full(10, 0.4), clicks(1, 1, 0, 0, 0, 0, 0, 0, 0, 0)) == pytest.approx(2)
    assert np.isnan(calibration_ratio(np.full(2, 0.4), clicks(0, 0)))


def test_bins_hold_equally_many_rows_from_low_to_high() -> None:
    predicted = np.linspace(0.99, 0, 100)
    bins = reliability(predicted, predicted > 0.495)
    assert [each["rows"] for each in bins] == [10] * 10
    assert bins[0]["predicted"] == pytest.approx(0.045)
    assert [each["clicked"] for each in bins] == [0] * 5 + [1] * 5


def test_fewer_rows_than_bins_leave_no_bin_empty() -> None:
    assert [each["rows"] for each in reliability(np.array([0.1, 0.2]), clicks(0, 1))] == [1, 1]


def test_the_correction_finds_the_log_odds_that_were_distorted() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(-1, 1.5, 40_000)
    clicked = rng.random(40_000) < 1 / (1 + np.exp(-true))
    found = fit_platt(2 * true + 1, clicked)
    assert (found.slope, found.offset) == pytest.approx((0.5, -0.5), abs=0.05)


def test_no_correction_where_it_cannot_be_told_or_would_turn_the_order_round() -> None:
    assert fit_platt(np.array([1.0, 2.0]), clicks(1, 1)) == Platt()
    assert fit_platt(np.array([3.0, 2.0, 1.0, 0.0]), clicks(0, 1, 0, 1)) == Platt()


def test_a_correction_of_perfectly_told_apart_clicks_stays_finite() -> None:
    found = fit_platt(np.array([-2.0, -1.0, 1.0, 2.0]), clicks(0, 0, 1, 1))
    assert found.slope > 1
    assert np.isfinite([found.slope, found.offset]).all()


def test_the_report_says_it_by_group_and_leaves_empty_groups_out() -> None:
    groups = {"cold": clicks(1, 0, 0), "warm": clicks(0, 1, 1), "nobody": clicks(0, 0, 0)}
    report = calibration_report(np.array([0.5, 0.5, 0.5]), clicks(0, 1, 0), groups)
    assert report["by_group"] == {
        "cold": {"rows": 1, "clicks": 0, "calibration_ratio": None},
        "warm": {"rows": 2, "clicks": 1, "calibration_ratio": 1.0},
    }
    assert report["calibration_ratio"] == 1.5
    assert len(report["bins"]) == 3
