from __future__ import annotations

import numpy as np
import pytest

from ranking.early import EarlyRanker, best_rows, first_trees, surviving_share
from ranking.fitting import dataset, grow
from ranking.order import BoostedOrder, RetrievalOrder
from tests.ranking.visit_worlds import FEATURE_SET, features_of

RNG = np.random.default_rng(4)
FEATURES = features_of(2_000, near_score=RNG.normal(size=2_000), popularity=RNG.random(2_000))
FEATURES[:, FEATURE_SET.names.index("near_rank")] = RNG.permutation(2_000)


@pytest.fixture(scope="module")
def whole() -> BoostedOrder:
    at = FEATURE_SET.names.index
    wanted = FEATURES[:, at("near_score")] + FEATURES[:, at("popularity")] ** 2
    data = dataset(FEATURES, FEATURE_SET.names, FEATURE_SET, label=wanted)
    return BoostedOrder(FEATURE_SET, grow(data, {"objective": "regression"}, 60, seed=0, num_threads=1, judge=None))


def test_the_best_rows_stay_in_the_order_in_which_they_came() -> None:
    assert best_rows(np.array([1.0, 5, 3, 4]), 2).tolist() == [1, 3]


def test_of_equals_the_first_stay_and_what_is_not_known_goes() -> None:
    assert best_rows(np.array([1.0, np.nan, 1, 1, 2]), 3).tolist() == [0, 2, 4]


def test_few_candidates_all_stay() -> None:
    assert best_rows(np.array([np.nan, 1]), 5).tolist() == [0, 1]
    assert best_rows(np.empty(0), 5).tolist() == []
    with pytest.raises(ValueError, match="k is 0"):
        best_rows(np.ones(3), 0)


def test_losses_by_hand() -> None:
    whole = np.array([9.0, 8, 7, 6])
    assert surviving_share(whole, np.array([0, 2, 3]), top=2) == 0.5
    assert surviving_share(whole, np.arange(4), top=24) == 1
    assert np.isnan(surviving_share(np.empty(0), np.arange(0)))


def test_more_trees_and_more_places_lose_less_and_chance_loses_most(whole: BoostedOrder) -> None:
    scores = whole.scores(FEATURES)

    def survives(num_trees: int, k: int) -> float:
        return surviving_share(scores, EarlyRanker(first_trees(whole, num_trees)).keep(FEATURES, k))

    assert survives(60, 24) == 1
    assert survives(3, 300) <= survives(20, 300) <= 1
    assert survives(3, 100) <= survives(3, 300)
    by_a_useless_rank = EarlyRanker(RetrievalOrder(FEATURE_SET, "near")).keep(FEATURES, 300)
    assert surviving_share(scores, by_a_useless_rank) < 0.5 < survives(3, 300)


def test_no_trees_tell_nothing_apart(whole: BoostedOrder) -> None:
    with pytest.raises(ValueError, match="at least one"):
        first_trees(whole, 0)
