from __future__ import annotations

import faiss
import numpy as np
import pytest

from retrieval.ids import UNKNOWN
from retrieval.index_rows import OpenRows


@pytest.mark.parametrize("num_rows", [0, 1, 7, 8, 63, 64, 65, 200])
def test_closing_rows_leaves_the_others_open(num_rows: int) -> None:
    closed = np.unique(np.arange(0, num_rows, 3))
    left = OpenRows.all_of(num_rows).without(closed)
    assert np.flatnonzero(left.closed).tolist() == closed.tolist()
    assert left.count == num_rows - len(closed)


def test_repeated_and_unknown_rows_change_nothing_more() -> None:
    rows = OpenRows.all_of(10)
    assert rows.without(np.array([UNKNOWN, UNKNOWN])) is rows
    left = rows.without(np.array([3, UNKNOWN, 3])).without(np.array([3, 4]))
    assert np.flatnonzero(left.closed).tolist() == [3, 4]
    assert left.closed_share == pytest.approx(0.2)
    assert rows.count == 10


def test_faiss_is_told_nothing_when_every_row_is_open() -> None:
    assert OpenRows.all_of(9).selector() is None


def test_faiss_reads_the_bits_as_we_do() -> None:
    left = OpenRows.all_of(70).without(np.array([0, 9, 64, 69]))
    flat = faiss.IndexFlatIP(1)
    flat.add(np.arange(70, dtype=np.float32)[:, np.newaxis])
    _, found = flat.search(np.ones((1, 1), np.float32), 70, params=faiss.SearchParameters(sel=left.selector()))
    assert sorted(found[0][found[0] >= 0]) == np.flatnonzero(~left.closed).tolist()
