from __future__ import annotations

import numpy as np
import pytest

from ranking.grades import grades_of, label_gains, teaches
from ranking.visits import DISMISSED, NEGATIVE, POSITIVE
from tests.ranking.visit_worlds import visits_of

VISITS = visits_of(
    [3, 2, 2, 1],
    [POSITIVE, NEGATIVE, DISMISSED, NEGATIVE, NEGATIVE, DISMISSED, NEGATIVE, POSITIVE],
    gains=np.array([3, 0, 0, 0, 0, 0, 0, 1], np.int16),
)


def test_dismissed_is_below_passed_over_and_that_below_chosen() -> None:
    assert grades_of(VISITS).tolist() == [4, 1, 0, 1, 1, 0, 1, 2]


def test_a_kind_is_worth_its_gain_more_than_what_was_passed_over() -> None:
    assert label_gains(3, viewed_gain=0.5) == pytest.approx((0, 0.5, 1.5, 2.5, 3.5))


@pytest.mark.parametrize(("viewed_gain", "learned"), [(0.5, [1, 0, 1, 0]), (0.0, [1, 0, 0, 0])])
def test_a_dismissal_teaches_without_a_positive_if_being_viewed_has_a_gain(
    viewed_gain: float, learned: list[int]
) -> None:
    assert teaches(VISITS, viewed_gain=viewed_gain).tolist() == [bool(flag) for flag in learned]


def test_no_visits_teach_nothing() -> None:
    assert teaches(visits_of([], []), viewed_gain=0.5).tolist() == []
