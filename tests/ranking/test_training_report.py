from __future__ import annotations

import json

import numpy as np
import pytest

from ranking.config import RankerConfig
from ranking.goals import Goals
from ranking.order import RetrievalOrder
from ranking.training_report import describe, judged
from ranking.visits import DISMISSED, NEGATIVE, POSITIVE
from tests.ranking.visit_worlds import FEATURE_SET, bootstrap_of, features_of, visits_of

CHOSEN_LAST = visits_of(
    [2, 2, 2, 2],
    [NEGATIVE, POSITIVE, NEGATIVE, POSITIVE, NEGATIVE, DISMISSED, NEGATIVE, NEGATIVE],
    features=features_of(8, near_rank=np.tile([1, 0], 4), fusion=np.full(8, 0.5)),
)
LOST = 1 / np.log2(3)


def test_counts_by_hand() -> None:
    first, last = (CHOSEN_LAST.take(np.arange(4) == place) for place in (0, 3))
    found = describe(CHOSEN_LAST, first, last, RankerConfig(), trees=7)
    assert found["rows_by_label"] == {"negative": 5, "dismissed": 1, "positive": 2, "assumed_negative": 0}
    assert found["positives_by_gain"] == {"1": 2}
    assert (found["visits_without_positive"], found["unlearnable_visits"]) == (2, 1)
    assert (found["visits_across_windows"], found["trees"]) == (2, 7)


def test_a_ranker_is_put_beside_what_went_in_and_chance() -> None:
    found = judged(CHOSEN_LAST, RetrievalOrder(FEATURE_SET, "near"), Goals.plain(CHOSEN_LAST, 2))
    assert found["ndcg"] == pytest.approx(
        {"ranker": 1, "as_shown": LOST, "fusion": (1 + LOST) / 2, "random": (1 + LOST) / 2}
    )
    assert found["best_input_order"] == "fusion"
    assert found["lead_over_it"] == pytest.approx((1 - LOST) / 2)
    assert found["beats_input_order"]
    assert found["position_weighted_ndcg"] is None


def test_the_report_is_json_also_of_a_single_visit() -> None:
    one = CHOSEN_LAST.take(np.arange(4) == 0)
    goals = Goals.weighted(one, 2, np.ones(2), least=0.1)
    found = judged(one, RetrievalOrder(FEATURE_SET, "near"), goals)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["error_of_lead"] is None
    assert not found["beats_input_order"]


def test_candidates_of_a_bootstrap_were_not_shown_in_any_order() -> None:
    bootstrap = bootstrap_of([2], np.array([True, False]), features=CHOSEN_LAST.features[:2])
    found = judged(bootstrap, RetrievalOrder(FEATURE_SET, "near"), Goals.plain(bootstrap, 2))
    assert set(found["ndcg"]) == {"ranker", "fusion", "random"}
