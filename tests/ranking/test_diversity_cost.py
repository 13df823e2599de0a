from __future__ import annotations

import math
from dataclasses import astuple, replace

import numpy as np
import pytest

from ranking.caps import NO_CAPS, Caps
from ranking.diversity import Mmr
from ranking.diversity_cost import DiversityCost, diversity_cost, intra_list_distance, mean_cost
from tests.ranking.pages import config, scored

EAST, NORTH = [1.0, 0.0], [0.0, 1.0]
FOUR = scored((1, 4.0, 0, 0), (2, 3.0, 0, 0), (3, 2.0, 1, 0), (4, 1.0, 1, 0), vectors=[EAST, EAST, NORTH, NORTH])


@pytest.mark.parametrize(
    ("vectors", "distance"),
    [
        ([EAST, EAST], 0.0),
        ([EAST, NORTH], 1.0),
        ([EAST, [-1.0, 0.0]], 2.0),
        ([EAST, EAST, NORTH], 2 / 3),
    ],
    ids=["same", "right angle", "opposite", "three"],
)
def test_distance_is_the_mean_over_pairs(vectors: list[list[float]], distance: float) -> None:
    assert intra_list_distance(np.array(vectors, np.float32)) == pytest.approx(distance)


def test_one_item_has_no_distance() -> None:
    assert math.isnan(intra_list_distance(np.array([EAST], np.float32)))


def test_cost_and_gain_worked_by_hand() -> None:
    # Plain: 1, 2, chosen 2 stands second. One of a topic: 1, 3, and 2 is not on the page.
    cost = diversity_cost(FOUR, np.array([0.0, 1.0, 0.0, 0.0]), config(2, Caps(per_topic=1)))
    assert astuple(cost) == pytest.approx((1 / math.log2(3), 0.0, 0.0, 1.0))
    assert cost.ndcg_lost == pytest.approx(1.0)
    assert cost.distance_gained == pytest.approx(1.0)
    assert str(cost) == "NDCG 0.6309 -> 0.0000 (-100.0%), intra-list distance 0.000 -> 1.000 (+1.000)"


def test_diversity_can_win() -> None:
    cost = diversity_cost(FOUR, np.array([0.0, 0.0, 1.0, 0.0]), config(2, Mmr(0.5)))
    assert (cost.ndcg_plain, cost.ndcg) == pytest.approx((0.0, 1 / math.log2(3)))
    assert math.isnan(cost.ndcg_lost)  # of nothing


def test_without_diversity_nothing_is_lost() -> None:
    cost = diversity_cost(FOUR, np.array([1.0, 0.0, 2.0, 0.0]), config(3, NO_CAPS))
    assert (cost.ndcg_lost, cost.distance_gained) == (0.0, 0.0)


def test_the_less_relevance_counts_the_more_diverse_and_the_more_costly() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = vectors @ vectors[0] + 0.1 * rng.normal(size=200)
    candidates = scored(*((i, s, 0, 0) for i, s in enumerate(scores.tolist())), vectors=vectors.tolist())
    gains = np.maximum(scores, 0)
    costs = [diversity_cost(candidates, gains, config(12, Mmr(relevance))) for relevance in (0.9, 0.6, 0.3)]
    assert costs[0].ndcg_lost < costs[1].ndcg_lost < costs[2].ndcg_lost
    assert costs[0].distance < costs[1].distance < costs[2].distance


def test_means_leave_out_what_is_not_known() -> None:
    nothing_chosen = diversity_cost(FOUR, np.zeros(4), config(2, Caps(per_topic=1)))
    assert math.isnan(nothing_chosen.ndcg)
    mean = mean_cost([nothing_chosen, DiversityCost(0.8, 0.4, 0.0, 0.5)])
    assert astuple(mean) == pytest.approx((0.8, 0.4, 0.0, 0.75))
    assert math.isnan(mean_cost([nothing_chosen]).ndcg)


def test_a_page_of_nothing_costs_nothing_that_is_known() -> None:
    nothing = replace(scored(), vectors=np.empty((0, 2), np.float32))
    assert all(map(math.isnan, astuple(diversity_cost(nothing, np.zeros(0), config()))))


def test_distances_need_vectors() -> None:
    with pytest.raises(ValueError, match="Distances need vectors"):
        diversity_cost(scored((1, 1.0, 0, 0)), np.zeros(1), config())
