from __future__ import annotations

import numpy as np
import pytest

from benchmarks.loop_results import LoopResults
from benchmarks.loop_statistics import (
    converged_after,
    curve,
    difference,
    early,
    late,
    noise_floor,
    noise_of,
    normalised,
    over_seeds,
)
from tests.benchmarks.small_loop import piece, results

NAN = np.nan


def test_utility_is_normalised_within_its_own_world_and_round() -> None:
    def utilities(arm: str, *values: float) -> dict[str, object]:
        rounds = [{"round": number, "utility": value} for number, value in enumerate(values, 1)]
        return piece(arm, 1, []) | {"rounds": rounds}

    pieces = [utilities("random", 0.1, 0.2), utilities("oracle", 0.5, 0.4), utilities("d", 0.2, 0.1)]
    found = normalised(LoopResults.of_pieces(pieces, rounds=2), "d")
    np.testing.assert_allclose(found, [[0.25, -0.5]])


def test_the_ends_of_the_scale_are_its_ends() -> None:
    small = results({"d": {1: [0.5] * 4}})
    np.testing.assert_allclose(normalised(small, "random"), [[0.0] * 4])
    np.testing.assert_allclose(normalised(small, "oracle"), [[1.0] * 4])


def test_what_has_no_scale_is_not_known() -> None:
    lone = LoopResults.of_pieces([piece("d", 1, [0.5]), piece("random", 1, [0.0])], rounds=1)
    assert np.isnan(normalised(lone, "d")).all()
    flat = [piece("d", 1, [0.5]), piece("random", 1, [0.2]), piece("oracle", 1, [0.2])]
    assert np.isnan(normalised(LoopResults.of_pieces(flat, rounds=1), "d")).all()


@pytest.mark.parametrize(("rounds", "first"), [(1, 1), (4, 4), (5, 4), (8, 7), (9, 7), (16, 13)])
def test_late_is_the_last_quarter_rounded_up(rounds: int, first: int) -> None:
    numbers = np.arange(1.0, rounds + 1)[None]
    assert late(numbers).tolist() == [(first + rounds) / 2]
    assert early(numbers).tolist() == [(1 + 1 + rounds - first) / 2]


def test_a_world_that_has_not_come_so_far_has_no_late_figure() -> None:
    values = np.array([[0.1, 0.2, 0.3, 0.4, 0.5], [0.1, 0.2, 0.3, 0.4, NAN]])
    np.testing.assert_allclose(late(values), [0.45, NAN])


def test_an_interval_worked_by_hand() -> None:
    # mean 2, s = 1, n = 3: t(2, 0.975) = 4.3027, so 2 +- 4.3027 / sqrt(3)
    found = over_seeds(np.array([1.0, NAN, 2.0, 3.0]))
    assert found is not None
    assert (found.mean, found.seeds) == (2.0, 3)
    assert (found.low, found.high) == pytest.approx((2 - 2.48414, 2 + 2.48414), abs=1e-5)


def test_one_world_is_a_figure_without_an_interval_and_no_difference() -> None:
    one = np.array([0.25, NAN])
    found = over_seeds(one)
    assert found is not None
    assert (found.mean, found.low, found.high, found.seeds) == (0.25, None, None, 1)
    assert not found.decided
    assert difference(one, np.array([0.1, 0.1])) is None
    assert over_seeds(np.array([NAN])) is None


def test_differences_are_paired_by_seed() -> None:
    """Worlds that differ far more than the arms do, and one that only one of them has."""
    theirs = np.array([0.1, 0.5, 0.9, 0.3])
    found = difference(theirs + np.array([0.02, 0.03, 0.01, NAN]), theirs)
    assert found is not None
    # 0.02, 0.03, 0.01: s = 0.01
    assert (found.mean, found.seeds) == (pytest.approx(0.02), 3)
    assert (found.low, found.high) == pytest.approx((0.02 - 0.0248414, 0.02 + 0.0248414), abs=1e-6)
    assert not found.decided


@pytest.mark.parametrize(("shift", "decided"), [(0.1, True), (-0.1, True), (0.0, False)])
def test_a_difference_is_decided_where_its_interval_leaves_zero_out(shift: float, decided: bool) -> None:
    found = difference(np.array([0.01, -0.01, 0.02, -0.02]) + shift, np.zeros(4))
    assert found is not None
    assert found.decided is decided


def test_a_curve_is_over_the_worlds_that_have_come_so_far() -> None:
    first, second, third = curve(np.array([[0.1, 0.2, NAN], [0.3, NAN, NAN]]))
    assert first is not None
    assert second is not None
    assert (first.mean, first.seeds, second.mean, second.seeds) == (0.2, 2, 0.2, 1)
    assert third is None


def test_the_noise_floor_worked_by_hand() -> None:
    # differences after the first round: 0.1, 0.3, -0.1, 0.1: mean 0.1, squares 0.08, of 3
    ours = np.array([[9.0, 0.1, 0.3], [9.0, -0.1, 0.1]])
    assert noise_floor(ours, np.zeros((2, 3))) == pytest.approx((0.08 / 3) ** 0.5)
    assert noise_floor(ours[:1, :2], np.zeros((1, 2))) is None
    assert noise_floor(ours, np.full((2, 3), NAN)) is None


def test_the_noise_of_results_is_that_of_d_and_its_twin() -> None:
    small = results({"d": {1: [0, 0.1, 0.3, 0.1]}, "aa": {1: [0.5, 0.0, 0.0, 0.0]}})
    assert noise_of(small) == pytest.approx(np.std([0.1, 0.3, 0.1], ddof=1))
    assert noise_of(results({"d": {1: [0.0] * 4}})) is None


def test_convergence_takes_two_successive_changes_inside_the_floor() -> None:
    # changes of the mean: 0.4, 0.05, 0.4, 0.05, -0.05
    values = np.array([[0.1, 0.5, 0.55, 0.95, 1.0, 0.95], [0.3, 0.7, 0.75, 1.15, 1.2, 1.15]])
    assert converged_after(values, 0.1) == 4
    assert converged_after(values, 0.5) == 1
    assert converged_after(values, 0.01) is None
    assert converged_after(values[:, :5], 0.1) is None
    assert converged_after(values, None) is None


def test_a_world_that_ends_early_is_no_change() -> None:
    """Over those that are there, the mean would jump from 0.5 to 1 in round 2."""
    values = np.array([[0.0, NAN, NAN], [1.0, 1.0, 1.0]])
    assert converged_after(values, 0.1) == 1
