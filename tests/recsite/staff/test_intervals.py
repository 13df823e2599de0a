"""Intervals of rates by the delete-a-group jackknife."""

from __future__ import annotations

import numpy as np
import pytest

from recsite.staff.intervals import UNKNOWN, Interval, independent_rate, jackknife, jackknife_change, jackknife_rate


def counts(*values: int) -> np.ndarray:
    return np.array(values)


def test_two_groups_by_hand() -> None:
    """Without the first the rate is 3/10, without the second 1/10; the whole has 0.2. Variance 1/2 * (0.01 + 0.01) =
    0.01; Student's 97.5% point with one degree of freedom is 12.706."""
    interval = jackknife_rate(counts(1, 3), counts(10, 10))
    assert interval.value == pytest.approx(0.2)
    assert (interval.lower, interval.upper) == (0.0, 1.0)


def test_three_groups_of_unlike_size_by_hand() -> None:
    rate = 60 / 1_000
    without = [40 / 900, 50 / 700, 30 / 400]
    variance = 2 / 3 * sum((one - rate) ** 2 for one in without)
    interval = jackknife_rate(counts(20, 10, 30), counts(100, 300, 600))
    assert interval.value == pytest.approx(rate)
    assert interval.upper == pytest.approx(rate + 4.302653 * variance**0.5)
    assert interval.lower == 0.0  # 4.3 times 0.019 reaches below


def test_for_groups_of_one_size_it_is_the_interval_of_a_mean() -> None:
    rates = np.array([0.10, 0.12, 0.08, 0.11, 0.09, 0.10, 0.13, 0.07])
    interval = jackknife_rate(rates * 1_000, np.full(8, 1_000))
    reach = 2.364624 * rates.std(ddof=1) / 8**0.5
    assert (interval.lower, interval.upper) == (pytest.approx(0.1 - reach), pytest.approx(0.1 + reach))


def test_readers_who_differ_make_it_wider_than_independent_slots_would() -> None:
    alike = jackknife_rate(counts(9, 10, 11, 10), counts(100, 100, 100, 100))
    unlike = jackknife_rate(counts(0, 20, 2, 18), counts(100, 100, 100, 100))
    assert width(unlike) > 5 * width(alike)


def test_it_covers_the_rate_about_as_often_as_it_says_where_slots_of_a_reader_are_alike() -> None:
    """Readers have rates of their own, of mean 0.1, and hundreds of slots each; 16 groups of 20 readers."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(600):
        readers = rng.beta(1, 9, size=(16, 20))
        slots = rng.integers(10, 300, size=(16, 20))
        interval = jackknife_rate(rng.binomial(slots, readers).sum(axis=1), slots.sum(axis=1))
        assert interval.lower is not None
        assert interval.upper is not None
        covered += interval.lower <= 0.1 <= interval.upper
    assert 0.92 < covered / 600 < 0.975


def test_without_any_denominator_nothing_is_known() -> None:
    assert jackknife_rate(counts(), counts()) == UNKNOWN
    assert jackknife_rate(counts(0, 0), counts(0, 0)) == UNKNOWN


def test_one_group_has_a_rate_but_does_not_say_how_sure_it_is() -> None:
    assert jackknife_rate(counts(0, 3), counts(0, 10)) == Interval(0.3, None, None)


def test_a_group_without_a_denominator_counts_for_nothing() -> None:
    assert jackknife_rate(counts(20, 0, 10, 30), counts(100, 0, 300, 600)) == jackknife_rate(
        counts(20, 10, 30), counts(100, 300, 600)
    )


def test_no_click_in_forty_slots_is_no_proof_that_there_will_be_none() -> None:
    never = jackknife_rate(counts(0, 0, 0, 0), counts(10, 10, 10, 10))
    assert (never.value, never.lower) == (0.0, 0.0)
    assert never.upper == pytest.approx(0.0876, abs=1e-4)
    always = jackknife_rate(counts(10, 10, 10, 10), counts(10, 10, 10, 10))
    assert (always.value, always.upper) == (1.0, 1.0)
    assert always.lower == pytest.approx(1 - 0.0876, abs=1e-4)


def test_a_change_of_two_groups_by_hand() -> None:
    """Both groups rose by 0.1 and 0.3; without one of them it is the other's. Variance 1/2 * 2 * 0.1^2."""
    change = jackknife_change(counts(1, 5), counts(10, 10), counts(2, 8), counts(10, 10))
    assert change.value == pytest.approx(0.2)
    assert (change.lower, change.upper) == (-1.0, 1.0)
    three = jackknife_change(counts(1, 5, 3), counts(10, 10, 10), counts(2, 8, 5), counts(10, 10, 10))
    without = [0.25, 0.15, 0.20]
    variance = 2 / 3 * sum((one - 0.2) ** 2 for one in without)
    assert three.upper == pytest.approx(0.2 + 4.302653 * variance**0.5)


def test_readers_who_are_always_eager_do_not_blur_a_change() -> None:
    """Groups differ much, and each rises by about two points: the change is surer than either rate."""
    before = counts(50, 100, 200, 400), np.full(4, 1_000)
    after = counts(70, 121, 219, 420), np.full(4, 1_000)
    change = jackknife_change(*before, *after)
    assert change.lower is not None
    assert change.lower > 0.015
    assert width(change) < width(jackknife_rate(*after)) / 100


def test_a_change_from_nothing_is_not_known() -> None:
    assert jackknife_change(counts(0, 0), counts(0, 0), counts(1, 2), counts(10, 10)) == UNKNOWN
    one_sided = jackknife_change(counts(1, 0), counts(10, 0), counts(2, 3), counts(10, 10))
    assert (one_sided.value, one_sided.lower) == (pytest.approx(0.15), None)


def ratio(sums: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[:, 0] / np.where(sums[:, 1], sums[:, 1], np.nan)


def test_any_share_of_sums_has_the_interval_of_a_rate_where_it_is_one() -> None:
    numerators, denominators = counts(20, 10, 30), counts(100, 300, 600)
    rate = jackknife_rate(numerators, denominators)
    general = jackknife(np.stack([numerators, denominators], axis=1), ratio)
    assert (general.value, general.upper) == (pytest.approx(rate.value), pytest.approx(rate.upper))


def test_a_share_that_one_group_alone_decides_has_no_interval() -> None:
    two = np.array([[1, 4], [0, 0], [0, 0]])
    assert jackknife(two, ratio) == Interval(0.25, None, None)
    one_sided = np.array([[1, 4], [1, 0]])
    assert jackknife(one_sided, ratio) == Interval(0.5, None, None)
    assert jackknife(np.zeros((3, 2)), ratio) == UNKNOWN


def test_wilsons_interval_by_his_formula() -> None:
    """Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 is 0.2553 to 0.3662."""
    interval = independent_rate(81, 263)
    assert (interval.lower, interval.upper) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))
    assert independent_rate(0, 0) == UNKNOWN


def test_it_says_itself_in_words() -> None:
    assert Interval(0.051, 0.042, 0.06).text == "5.1% (4.2% to 6.0%)"
    assert Interval(0.051, None, None).text == "5.1%"
    assert UNKNOWN.text == "–"


def width(interval: Interval) -> float:
    assert interval.lower is not None
    assert interval.upper is not None
    return interval.upper - interval.lower
