from __future__ import annotations

import numpy as np

from benchmarks.ranking_speed_world import Judged, World


def test_one_seed_gives_one_world() -> None:
    once, again = (
        Judged.drawn(World.drawn(200, np.random.default_rng(1)), 2, 30, np.random.default_rng(2)) for _ in "ab"
    )
    np.testing.assert_array_equal(once.features, again.features)
    np.testing.assert_array_equal(once.grades, again.grades)


def test_what_is_near_to_the_reader_is_liked_more() -> None:
    world = World.drawn(500, np.random.default_rng(1))
    judged = Judged.drawn(world, 30, 40, np.random.default_rng(2))
    near = judged.features[:, :, world.feature_set.names.index("similarity_lasting")]
    assert near[judged.grades == 3].mean() > near[judged.grades == 0].mean() + 0.1


def test_rows_of_a_visit_are_adjacent() -> None:
    judged = Judged([], np.arange(12, dtype=np.float32).reshape(2, 3, 2), np.arange(6).reshape(2, 3))
    features, grades, visit_sizes = judged.rows()
    assert features[:, 0].tolist() == [0, 2, 4, 6, 8, 10]
    assert grades.tolist() == [0, 1, 2, 3, 4, 5]
    assert visit_sizes.tolist() == [3, 3]


def test_as_many_items_are_wanted_however_many_there_are_to_find_them_among() -> None:
    world = World.drawn(200, np.random.default_rng(1))
    few, many = (Judged.drawn(world, 1, candidates, np.random.default_rng(2)) for candidates in (30, 100))
    assert np.bincount(few.grades[0]).tolist() == [10, 10, 5, 5]
    assert np.bincount(many.grades[0]).tolist() == [80, 10, 5, 5]
