"""Where a card stood, as a key for position debiasing, and how much each place is looked at."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ranking.visits import Visits

_EXACT_ROWS = 8
_BUCKETS = 16  # of rows
_MOST_COLUMNS = 63
_ANY_COLUMN = 64
_REPORTED_FROM = (0, 1, 4, 8, 16, 32)


def grid_places(positions: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column, from 0, of absolute positions in a grid; where columns are not known (0), as in one column."""
    wide = np.maximum(columns.astype(np.int64), 1)
    row, column = np.divmod(positions.astype(np.int64), wide)
    return row, column


def position_keys(visits: Visits, *, least_rows: int) -> np.ndarray:
    """(rows,) int32, equal where columns, row bucket and column are.

    Rows of the grid are told apart up to the 8th, then by doubling: a scroll has no end, and each key costs data.
    A key with fewer than `least_rows` rows is joined with the other columns of its row bucket, and if they are still
    fewer, with all such. Raises ValueError for rows without a position.
    """
    if visits.assumed:
        raise ValueError("Rows of a bootstrap were not shown anywhere: they have no position to correct for.")
    row, column = grid_places(visits.positions, visits.columns)
    columns = np.minimum(visits.columns, _MOST_COLUMNS).astype(np.int64)
    whole_row = (columns * _BUCKETS + _row_bucket(row)) * (_ANY_COLUMN + 1)
    keys = whole_row + np.minimum(column, _MOST_COLUMNS)
    keys = np.where(_rare(keys, least_rows), whole_row + _ANY_COLUMN, keys)
    return np.where(_rare(keys, least_rows), -1, keys).astype(np.int32) + 1


def examination_by_key(at_place: np.ndarray, at_first: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """(rows,) float64, how much the place of a row is looked at, the first place being 1; alike within a key.

    at_place, at_first: (rows,) P(click) of a click model, for each row where it stood and had it stood first. The
    quotient of their sums by key is what the place does, averaged over the items that stood there.
    """
    _, number = np.unique(keys, return_inverse=True)
    return (np.bincount(number, at_place) / np.bincount(number, at_first))[number]


def position_groups(positions: np.ndarray) -> dict[str, np.ndarray]:
    """(rows,) bool masks by name, for reports: the first position, then ranges that double."""
    bounds = [*_REPORTED_FROM, np.iinfo(np.int32).max]
    return {_range_name(low, high): (positions >= low) & (positions < high) for low, high in pairwise(bounds)}


def _range_name(low: int, high: int) -> str:
    if high == np.iinfo(np.int32).max:
        return f"{low}+"
    return f"{low}" if high == low + 1 else f"{low}-{high - 1}"


def _row_bucket(row: np.ndarray) -> np.ndarray:
    doublings = np.log2(np.maximum(row, _EXACT_ROWS) / _EXACT_ROWS).astype(np.int64)
    return np.where(row < _EXACT_ROWS, row, np.minimum(_EXACT_ROWS + doublings, _BUCKETS - 1))


def _rare(keys: np.ndarray, least_rows: int) -> np.ndarray:
    _, number, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return (counts < least_rows)[number]
