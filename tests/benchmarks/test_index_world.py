from __future__ import annotations

import numpy as np

from benchmarks.index_world import CLUSTERS, SPREAD, TASTE_DIM, drawn


def test_vectors_have_unit_norm_and_mostly_lie_in_the_taste_space() -> None:
    world = drawn(2_000, 5, 7, seed=1)
    np.testing.assert_allclose(np.linalg.norm(world.items, axis=1), 1, rtol=1e-5)
    share = np.linalg.svd(world.items, compute_uv=False) ** 2
    assert share[:TASTE_DIM].sum() / share.sum() > 0.95
    assert (len(world.tuning), len(world.queries)) == (5, 7)


def test_ids_rise_and_leave_gaps() -> None:
    steps = np.diff(drawn(500, 1, 1, seed=1).item_ids)
    assert set(steps.tolist()) == {1, 2, 3}


def test_the_same_seed_draws_the_same_world_and_another_another() -> None:
    assert drawn(50, 2, 2, seed=1).queries.tolist() == drawn(50, 2, 2, seed=1).queries.tolist()
    assert drawn(50, 2, 2, seed=1).queries.tolist() != drawn(50, 2, 2, seed=2).queries.tolist()


def test_clusters_overlap_about_every_fifth_point_lies_nearer_to_another_centre() -> None:
    """What the module says of its numbers, in the taste space itself."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLUSTERS, TASTE_DIM))
    own = rng.integers(CLUSTERS, size=4_000)
    points = centres[own] + SPREAD * rng.standard_normal((4_000, TASTE_DIM))
    nearest = ((centres**2).sum(axis=1) - 2 * points @ centres.T).argmin(axis=1)
    assert 0.15 < (nearest != own).mean() < 0.25
