from __future__ import annotations

import numpy as np
import pytest

from ranking.caps import CapCounts, Caps
from ranking.diversity import BestByMmr, BestWithinCaps, Mmr, scaled

EAST, NORTH, NORTHEAST, WEST = [1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [-1.0, 0.0]


def order_of(mmr: BestByMmr) -> list[int]:
    rows = []
    while (row := mmr.best()) is not None:
        mmr.take(row)
        rows.append(row)
    return rows


def by_mmr(scores: list[float], vectors: list[list[float]], relevance: float) -> list[int]:
    return order_of(BestByMmr(np.array(scores, np.float32), np.array(vectors, np.float32), Mmr(relevance)))


def test_marginal_relevance_worked_by_hand() -> None:
    # Scaled scores are 1, 0.9, 0.5, 0. After row 0 the gains at 0.5 are 0.45 - 0.5 for its twin, 0.25 - 0 for the
    # row at a right angle, 0 - 0.3 for the slanting one; after row 2 they are 0.45 - 0.5 and 0 - 0.4.
    assert by_mmr([10, 9, 5, 0], [EAST, EAST, NORTH, NORTHEAST], 0.5) == [0, 2, 1, 3]


def test_relevance_alone_is_the_plain_order_and_the_unit_of_scores_is_of_no_matter() -> None:
    vectors = [EAST, EAST, NORTH, NORTHEAST]
    assert by_mmr([10, 9, 5, 0], vectors, 1.0) == [0, 1, 2, 3]
    assert by_mmr([-0.1, -0.2, -0.6, -1.1], vectors, 0.5) == by_mmr([10, 9, 5, 0], vectors, 0.5)


def test_opposites_are_no_better_than_strangers() -> None:
    # Row 1 is the better of two that are unlike row 0, though row 2 is its opposite.
    assert by_mmr([2, 1, 0.9], [EAST, NORTH, WEST], 0.1) == [0, 1, 2]


def test_equal_gains_keep_the_order_of_scores() -> None:
    assert by_mmr([1, 1, 1], [EAST, NORTH, WEST], 0.0) == [0, 1, 2]


def test_scores_are_scaled_from_zero_to_one() -> None:
    assert scaled(np.array([4.0, 3.0, 0.0], np.float32)).tolist() == [1.0, 0.75, 0.0]
    assert scaled(np.array([2.0, 2.0], np.float32)).tolist() == [1.0, 1.0]
    assert scaled(np.empty(0, np.float32)).tolist() == []


@pytest.mark.parametrize("relevance", [-0.1, 1.1])
def test_a_relevance_that_is_no_share_is_refused(relevance: float) -> None:
    with pytest.raises(ValueError, match="is a share"):
        Mmr(relevance)


def test_the_best_within_caps_passes_over_what_is_full_and_finds_it_again_once_caps_are_lifted() -> None:
    keys = [(1, 1), (1, 2), (2, 3)]
    counts = CapCounts(Caps(per_topic=1, per_author=None))
    order = BestWithinCaps(keys, counts)
    for expected in (0, 2):
        row = order.best()
        assert row == expected
        order.take(row)
        counts.add(keys[row])
    assert order.best() is None
    counts.lift()
    assert BestWithinCaps(keys, counts, taken=[0, 2]).best() == 1


def test_nothing_is_best_of_nothing() -> None:
    assert BestWithinCaps([], CapCounts(Caps())).best() is None
    assert BestByMmr(np.empty(0, np.float32), np.empty((0, 2), np.float32), Mmr()).best() is None
