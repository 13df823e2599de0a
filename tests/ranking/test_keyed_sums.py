from __future__ import annotations

import numpy as np

from ranking.keyed_sums import KeyedSums


def test_values_of_one_key_are_added_and_other_keys_have_none() -> None:
    sums = KeyedSums.of(np.array([7, -1, 7]), np.array([[1.0, 2, 3], [10, 20, 30]]))
    np.testing.assert_array_equal(sums.at(np.array([7, 8, -1, 2**31 - 1])), [[4, 0, 2, 0], [40, 0, 20, 0]])


def test_without_keys_every_key_has_none() -> None:
    sums = KeyedSums.of(np.empty(0, np.int32), np.empty((2, 0)))
    np.testing.assert_array_equal(sums.at(np.array([1, 2, 3])), np.zeros((2, 3)))
