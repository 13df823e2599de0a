from __future__ import annotations

import numpy as np
import pytest

from ranking.debiasing import examination_by_key, grid_places, position_groups, position_keys
from ranking.visits import NEGATIVE, Visits
from tests.ranking.visit_worlds import bootstrap_of, visits_of


def at(positions: list[int], columns: list[int]) -> Visits:
    return visits_of(
        [len(positions)],
        [NEGATIVE] * len(positions),
        positions=np.array(positions, np.int32),
        columns=np.array(columns, np.int16),
    )


def keys(positions: list[int], columns: list[int], least_rows: int = 1) -> list[int]:
    return position_keys(at(positions, columns), least_rows=least_rows).tolist()


def test_a_position_is_a_row_and_a_column_of_its_grid() -> None:
    row, column = grid_places(np.array([0, 4, 7, 7]), np.array([3, 3, 3, 0], np.int16))
    assert row.tolist() == [0, 1, 2, 7]
    assert column.tolist() == [0, 1, 1, 0]


def test_columns_row_and_column_tell_places_apart() -> None:
    found = keys([0, 1, 2, 3, 1, 1], [3, 3, 3, 3, 2, 1])
    assert len(set(found)) == 6
    assert keys([4, 4], [3, 3])[0] == keys([4, 4], [3, 3])[1]


def test_far_down_rows_share_a_key_by_doubling() -> None:
    found = keys([7, 8, 15, 16, 31, 32], [1] * 6)
    assert [found.index(key) for key in found] == [0, 1, 1, 3, 3, 5]
    assert len(set(keys([1_023, 1_024, 2_000_000_000], [1, 1, 1]))) == 2


def test_a_rare_place_joins_its_row_and_a_rare_row_the_rest() -> None:
    """Three of place (0, 0); one each of (0, 1) and (0, 2), so two of their row; one of row 5, one of another grid."""
    found = keys([0, 0, 0, 1, 2, 15, 3], [3, 3, 3, 3, 3, 3, 2], least_rows=2)
    assert [found.index(key) for key in found] == [0, 0, 0, 3, 3, 5, 5]


def test_what_was_not_shown_has_no_place() -> None:
    with pytest.raises(ValueError, match="not shown anywhere"):
        position_keys(bootstrap_of([2], np.array([True, False])), least_rows=1)


def test_examination_is_what_the_place_does_averaged_over_its_items() -> None:
    found = examination_by_key(np.array([0.1, 0.3, 0.5]), np.array([0.4, 0.4, 0.5]), np.array([7, 7, 2]))
    assert found.tolist() == pytest.approx([0.5, 0.5, 1.0])


def test_groups_for_reports_cover_every_position_once() -> None:
    positions = np.array([0, 1, 3, 4, 31, 32, 10_000])
    groups = position_groups(positions)
    assert list(groups) == ["0", "1-3", "4-7", "8-15", "16-31", "32+"]
    assert np.sum(list(groups.values()), axis=0).tolist() == [1] * 7
    assert positions[groups["1-3"]].tolist() == [1, 3]
