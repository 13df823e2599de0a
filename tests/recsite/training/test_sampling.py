from __future__ import annotations

import numpy as np
import pytest

from recsite.training.sampling import most_of_each


@pytest.mark.parametrize(
    ("counts", "most", "of_each"),
    [([1, 2, 9, 9], 13, 5), ([1, 2, 9, 9], 21, 9), ([1, 2, 9, 9], 100, 9), ([5, 5], 4, 2), ([5, 5], 1, 1), ([], 3, 1)],
)
def test_what_everybody_may_give_fills_the_whole(counts: list[int], most: int, of_each: int) -> None:
    """Of [1, 2, 9, 9] with 5 of each 13 are taken."""
    assert most_of_each(np.array(counts, np.int64), most) == of_each


def test_nothing_larger_would_fit() -> None:
    counts = np.random.default_rng(0).integers(1, 50, 200)
    of_each = most_of_each(counts, 1_000)
    assert np.minimum(counts, of_each).sum() <= 1_000 < np.minimum(counts, of_each + 1).sum()
