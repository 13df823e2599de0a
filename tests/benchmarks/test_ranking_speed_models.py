from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.ranking_speed_models import Size, Trained, cheapest_equal
from benchmarks.ranking_speed_world import Judged, World


@pytest.fixture(scope="module")
def whole() -> Trained:
    world = World.drawn(200, np.random.default_rng(1))
    visits, later = (Judged.drawn(world, 20, 30, np.random.default_rng(seed)) for seed in (2, 3))
    return Trained.on(visits, later, world, Size(5, 4, 0.1), seed=1)


def test_what_was_trained_ranks_better_than_chance(whole: Trained) -> None:
    assert whole.ndcg.shape == (20,)
    assert whole.ndcg.mean() > 0.4


def test_a_cheaper_model_is_chosen_only_while_it_is_as_good(whole: Trained) -> None:
    as_good = replace(whole, ndcg=whole.ndcg + 0.001)
    worse = replace(whole, ndcg=whole.ndcg - 0.02)
    assert cheapest_equal([whole, as_good, worse], whole, [9, 5, 1]) is as_good
    assert cheapest_equal([whole, worse], whole, [9, 1]) is whole
