from __future__ import annotations

import numpy as np
import pytest

from retrieval.ids import UNKNOWN, IdMap


def test_ids_become_the_rows_in_which_they_stand() -> None:
    ids = IdMap(np.array([70, 5, 12]))
    assert ids.idx_of(np.array([[12, 70], [5, 5]])).tolist() == [[2, 0], [1, 1]]


def test_ids_that_rise_take_no_memory_but_their_own() -> None:
    rising, mixed = IdMap(np.array([5, 12, 70])), IdMap(np.array([70, 5, 12]))
    assert (rising.nbytes, mixed.nbytes) == (24, 72)
    wanted = np.array([12, 6, 70, 71])
    assert rising.idx_of(wanted).tolist() == [1, UNKNOWN, 2, UNKNOWN]
    assert mixed.idx_of(wanted).tolist() == [2, UNKNOWN, 0, UNKNOWN]


def test_an_id_that_is_not_there_is_unknown() -> None:
    assert IdMap(np.array([70, 5])).idx_of(np.array([6, 99, -1])).tolist() == [UNKNOWN] * 3


def test_an_empty_map_knows_nothing() -> None:
    assert IdMap(np.array([], dtype=np.int64)).idx_of(np.array([1])).tolist() == [UNKNOWN]


def test_ids_that_repeat_are_refused() -> None:
    with pytest.raises(ValueError, match="7 among them"):
        IdMap(np.array([7, 8, 7]))


def test_ids_of_two_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="one dimension"):
        IdMap(np.array([[7, 8]]))
