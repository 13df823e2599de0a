from __future__ import annotations

import numpy as np

from benchmarks.ranking_speed_paths import BARE, PATHS, paths
from tests.benchmarks.small_ranker import small


def test_the_whole_path_makes_the_slate_of_its_parts() -> None:
    desk, ranker, request = small().desk, small().ranker, small().later.requests[0]
    scores = ranker.onnx.scores(desk.features(request))
    by_parts = desk.slate(request.candidates.item_ids, scores, seed=3)
    assert desk.whole_path(request, ranker.onnx, seed=3).item_ids == by_parts.item_ids


def test_every_path_stands_beside_the_bare_prediction() -> None:
    world, ranker = small().desk.world, small().ranker
    at = paths(ranker, ranker, world, candidates=20, rounds=1, rng=np.random.default_rng(1))
    assert {BARE, *PATHS} < set(at)
    assert at[BARE].ratio == 1
