from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from feedback import labels as logged
from ranking.request import NONE
from ranking.visits import (
    ASSUMED_NEGATIVE,
    DISMISSED,
    LABELS,
    NEGATIVE,
    POSITIVE,
    UNKNOWN,
    LeakError,
    NothingToLearn,
    VisitsError,
    join_visits,
)
from tests.ranking.visit_worlds import SINCE, bootstrap_of, features_of, visits_of

TWO: dict[str, Any] = {"sizes": [2, 3], "labels": [POSITIVE, NEGATIVE, NEGATIVE, DISMISSED, NEGATIVE]}


def test_codes_of_labels_are_those_of_the_log() -> None:
    assert LABELS[:4] == logged.LABELS
    assert (UNKNOWN, NEGATIVE, DISMISSED, POSITIVE) == (
        logged.UNKNOWN,
        logged.NEGATIVE,
        logged.DISMISSED,
        logged.POSITIVE,
    )


def test_rows_know_their_visit() -> None:
    visits = visits_of(**TWO, served_s=np.array([5.0, 6, 9, 8, 7]) + SINCE.timestamp(), known_until_s=np.zeros(5))
    assert visits.starts.tolist() == [0, 2]
    assert visits.visit_of_row.tolist() == [0, 0, 1, 1, 1]
    assert (visits.began_s - SINCE.timestamp()).tolist() == [5, 7]
    assert (visits.last_served_s - SINCE.timestamp()).tolist() == [6, 9]
    assert visits.has_positive.tolist() == [True, False]
    assert not visits.assumed


def test_taking_visits_takes_them_whole() -> None:
    visits = visits_of(**TWO)
    second = visits.take(np.array([False, True]))
    assert second.visit_sizes.tolist() == [3]
    assert second.visit_ids.tolist() == [1]
    assert second.labels.tolist() == [NEGATIVE, DISMISSED, NEGATIVE]
    np.testing.assert_array_equal(second.features, visits.features[2:])


def test_a_day_without_visits_is_no_error() -> None:
    empty = visits_of([], [])
    assert empty.num_visits == empty.num_rows == len(empty.began_s) == len(empty.last_served_s) == 0
    assert join_visits([empty, visits_of(**TWO)]).num_visits == 2


def test_parts_are_joined_in_their_order() -> None:
    joined = join_visits([visits_of([2], [3, 1]), visits_of([1], [2], visit_ids=np.array([9]))])
    assert joined.visit_ids.tolist() == [0, 9]
    assert joined.labels.tolist() == [3, 1, 2]


def test_a_part_that_splits_a_visit_is_refused() -> None:
    parts = [visits_of([2], [POSITIVE, NEGATIVE]), visits_of([1], [NEGATIVE])]
    with pytest.raises(ValueError, match="Visit 0 stands in more than one part"):
        join_visits(parts)


def test_a_visit_whose_rows_lie_apart_is_refused() -> None:
    with pytest.raises(VisitsError, match="stands twice"):
        visits_of(**TWO, visit_ids=np.array([4, 4]))


def test_parts_of_different_features_are_refused() -> None:
    narrow = visits_of([1], [1], features=np.zeros((1, 3), np.float32), visit_ids=np.array([8]))
    with pytest.raises(VisitsError, match="columns of features"):
        join_visits([visits_of(**TWO), narrow])


def test_no_part_at_all_teaches_nothing() -> None:
    with pytest.raises(NothingToLearn, match="No visit at all"):
        join_visits([])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"features": np.zeros((5, 2))}, "float32"),
        ({"features": features_of(4)}, "there are 4 rows of features"),
        ({"gains": np.array([1, np.nan, 0, 0, 0])}, "gains is float64, but must be int16. It holds NaN"),
        ({"gains": np.array([1, 1, 0, 0, 0], np.int16)}, "Row 1 is negative with gain 1"),
        ({"gains": np.array([0, 0, 0, 0, 0], np.int16)}, "Row 0 is positive with gain 0"),
        ({"labels": np.array([3, 0, 1, 1, 1], np.int8)}, "Leave out unknown rows"),
        ({"labels": np.array([3, 9, 1, 1, 1], np.int8)}, "labelled 9"),
        ({"visit_sizes": np.array([2, 2])}, "sum to 5 rows"),
        ({"visit_sizes": np.array([5, 0])}, "without rows"),
        ({"visit_ids": np.array([1])}, "visit_ids"),
        ({"positions": np.array([0, 1, 2, -7, 4], np.int32)}, "Positions are from 0"),
        ({"positions": np.array([0, 1, 2, NONE, 4], np.int32)}, "do not mix"),
        ({"positions": np.full(5, NONE, np.int32)}, "label what was not shown assumed_negative"),
        ({"labels": np.array([3, 4, 1, 1, 1], np.int8)}, "never shown"),
        ({"columns": np.array([1, 1, 1, 1, -1], np.int16)}, "columns are from 1"),
        ({"served_s": np.array([np.nan, 1, 1, 1, 1])}, "cannot be told"),
    ],
)
def test_columns_that_are_no_visits_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(VisitsError, match=said):
        replace(visits_of(**TWO, known_until_s=np.zeros(5), trained_until_s=np.zeros(5)), **changes)


@pytest.mark.parametrize("column", ["trained_until_s", "known_until_s"])
def test_a_row_that_knows_what_came_after_it_is_refused(column: str) -> None:
    served_s = visits_of(**TWO).served_s
    replace(visits_of(**TWO), **{column: served_s})
    ahead = served_s.copy()
    ahead[3] += 1
    with pytest.raises(LeakError, match=r"1 rows carry .* row 3 "):
        replace(visits_of(**TWO), **{column: ahead})


def test_a_row_without_a_trained_source_cannot_leak_its_score() -> None:
    assert visits_of(**TWO, trained_until_s=np.full(5, np.nan)).num_rows == 5


def test_a_bootstrap_is_a_type_of_its_own() -> None:
    bootstrap = bootstrap_of([2, 3], np.array([1, 0, 0, 0, 1], bool))
    assert bootstrap.assumed
    assert bootstrap.labels.tolist() == [POSITIVE, ASSUMED_NEGATIVE, ASSUMED_NEGATIVE, ASSUMED_NEGATIVE, POSITIVE]
    impressions = visits_of(**TWO, visit_ids=np.array([7, 8]))
    with pytest.raises(VisitsError, match="do not mix"):
        join_visits([bootstrap, impressions])
