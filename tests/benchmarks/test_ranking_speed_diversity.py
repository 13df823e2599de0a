from __future__ import annotations

import pytest

from benchmarks.ranking_speed_diversity import DiversityMeasured, diversity_measured
from tests.benchmarks.small_ranker import small


@pytest.fixture(scope="module")
def told() -> dict[str, DiversityMeasured]:
    found = diversity_measured(small().ranker, small().later, small().desk, rounds=1)
    return {one.diversity: one for one in found}


def test_a_plain_page_costs_and_gains_nothing(told: dict[str, DiversityMeasured]) -> None:
    plain = told["neither"]
    assert (plain.ndcg_lost, plain.distance_gained, plain.ndcg_difference) == (0, 0, (0, 0, 0))
    assert plain.slate_p50_ms > 0


def test_the_more_diverse_the_page_the_more_it_costs(told: dict[str, DiversityMeasured]) -> None:
    caps, tighter = told["caps, 4 a topic, 2 an author"], told["caps, 2 a topic, 1 an author"]
    assert 0 < caps.distance_gained < tighter.distance_gained
    assert caps.ndcg_lost < tighter.ndcg_lost
    mmr = [told[f"MMR, relevance {relevance}"] for relevance in (0.9, 0.8, 0.6)]
    assert 0 < mmr[0].distance_gained < mmr[1].distance_gained < mmr[2].distance_gained
    assert mmr[0].ndcg_lost < mmr[2].ndcg_lost
