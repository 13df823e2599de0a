from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ranking.bootstrap import LEAST_VISITS, impressions_suffice, label_events, visits_with_click
from ranking.visits import NEGATIVE, POSITIVE
from tests.ranking.visit_worlds import bootstrap_of, visits_of


def labels(readers: list[int], times_s: Sequence[float], **how: float) -> list[int]:
    return np.flatnonzero(label_events(np.array(readers), np.array(times_s, float), **how)).tolist()  # type: ignore[arg-type]


def test_the_last_events_of_each_reader_in_whatever_order_they_come() -> None:
    assert labels([7, 7, 7, 7, 4, 4, 4], [4, 1, 3, 2, 9, 8, 7], least=2) == [0, 2, 4, 5]


def test_events_of_one_moment_are_not_torn_apart() -> None:
    """Nobody knows which of the two at second 2 came first, so both are labels: at least 2 a reader."""
    assert labels([1, 1, 1, 1], [1, 2, 2, 3], least=2) == [1, 2, 3]


def test_a_reader_without_a_past_before_the_labels_teaches_nothing() -> None:
    assert labels([1, 1, 1, 2, 2], [5, 5, 5, 1, 2], least=2) == []


def test_from_one_moment_on_for_readers_with_enough_of_them() -> None:
    readers, times_s = [1, 1, 1, 2, 2, 3, 3], [1, 10, 11, 1, 10, 10, 11]
    assert labels(readers, times_s, since_s=10, least=2) == [1, 2]


def test_five_is_the_least() -> None:
    assert labels([1] * 5, [1, 2, 3, 4, 5]) == []
    assert labels([1] * 6, [1, 2, 3, 4, 5, 6]) == [1, 2, 3, 4, 5]


def test_nothing_is_not_an_error_but_unknown_times_are() -> None:
    assert labels([], []) == []
    with pytest.raises(ValueError, match="must be known"):
        labels([1], [np.nan])
    with pytest.raises(ValueError, match="least is 0"):
        labels([1], [1], least=0)


def test_impressions_take_over_by_visits_with_a_click() -> None:
    visits = visits_of([2, 2], [POSITIVE, POSITIVE, NEGATIVE, NEGATIVE])
    assert visits_with_click(visits) == 1
    assert visits_with_click(bootstrap_of([2], np.array([True, False]))) == 0
    assert not impressions_suffice(LEAST_VISITS - 1)
    assert impressions_suffice(LEAST_VISITS)
