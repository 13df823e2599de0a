from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from ranking.caps import NO_CAPS, Caps
from ranking.diversity import Mmr
from ranking.explanation import Explanation, Move, MovedBy, SourceWord, explain
from ranking.exploration import ExplorationConfig
from ranking.features import FeatureSet, build_features
from ranking.order import Order, RetrievalOrder
from ranking.prepared_items import PreparedItems
from ranking.propensity import Branch
from ranking.slate import make_slate
from ranking.slate_config import NO_RULES, Pin, ScoredCandidates, SlateConfig, SlateRules
from tests.ranking.pages import config, outside
from tests.ranking.small_requests import FEATURE_SET, candidates, four_items, reader, request

ASKED = request(
    candidates([10, 20, 30, 40], {"near": {20: 0.9, 10: 0.4}, "popular": {30: 7, 20: 5, 10: 1}}),
    reader([(30, 60.0, 3.0)]),
)
FEATURES = build_features(ASKED, PreparedItems.of(four_items()), FEATURE_SET)
KEYS = np.array([[1, 1], [1, 2], [2, 1], [2, 4]])


@dataclass(frozen=True)
class Linear:
    """Popularity counts 4, the near source's score -1, any item has 0.5."""

    feature_set: FeatureSet = FEATURE_SET

    def scores(self, features: np.ndarray) -> np.ndarray:
        return self.contributions(features).sum(axis=1).astype(np.float32)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        names = self.feature_set.names
        parts = np.zeros((len(features), len(names) + 1))
        for name, weight in (("popularity", 4.0), ("near_score", -1.0)):
            parts[:, names.index(name)] = weight * np.nan_to_num(features[:, names.index(name)])
        parts[:, -1] = 0.5
        return parts


def explained(
    item_ids: list[int],
    settings: SlateConfig,
    *,
    order: Order | None = None,
    rules: SlateRules = NO_RULES,
    first_position: int = 0,
    seed: int = 0,
) -> list[Explanation]:
    order = order or Linear()
    vectors = four_items().vectors
    scored = ScoredCandidates(ASKED.candidates.item_ids, order.scores(FEATURES), KEYS, vectors)
    slate = make_slate(
        scored,
        seed=seed,
        rules=rules,
        config=settings,
        outside=outside((99, 7, 7)),
        first_position=first_position,
    )
    return explain(
        item_ids,
        request=ASKED,
        features=FEATURES,
        order=order,
        candidates=scored,
        slate=slate,
        rules=rules,
        config=settings,
    )


def test_an_explanation_worked_by_hand() -> None:
    # Scores: 10: 0.5 + 3 - 0.4, 20: 0.5 + 1 - 0.9, 30: 0.5 + 2, 40: 0.5. Fusion: 20, 10, 30, 40.
    told = explained([20], config(2))[0]
    assert told.score == pytest.approx(0.6)
    assert told.base == 0.5
    assert [(each.feature, each.group, each.contribution) for each in told.judged[:2]] == [
        ("popularity", "item", 1.0),
        ("near_score", "source", pytest.approx(-0.9)),
    ]
    assert told.named_by == (SourceWord("near", float(np.float32(0.9)), 0), SourceWord("popular", 5.0, 1))
    assert (told.rank_before, told.rank_after) == (0, 2)
    assert (told.position, told.branch, told.propensity, told.moves) == (None, None, None, ())
    values = {each.feature: each.value for each in told.judged}
    assert values["near_rank"] == 0
    assert values["popularity"] == 0.25
    assert len(values) == len(FEATURE_SET)


def test_what_is_not_known_has_no_value() -> None:
    values = {each.feature: each.value for each in explained([40], config())[0].judged}
    assert values["near_score"] is None
    assert values["num_sources"] == 0


@pytest.mark.parametrize("order", [Linear(), RetrievalOrder(FEATURE_SET), RetrievalOrder(FEATURE_SET, "near")])
def test_contributions_sum_to_the_score(order: Order) -> None:
    for told in explained([10, 20, 30, 40], config(), order=order):
        total = told.base + sum(each.contribution for each in told.judged)
        assert total == pytest.approx(told.score, rel=1e-6)


@pytest.mark.parametrize(("diversity", "by"), [(Caps(None, 1), MovedBy.CAPS), (Mmr(0.3), MovedBy.MMR)])
def test_diversity_moves_what_it_passes_over_and_what_comes_up_in_its_place(diversity: Caps | Mmr, by: MovedBy) -> None:
    # Plain: 10, 30, 20. But 30 has the author of 10, and much of its direction.
    told = explained([10, 30, 20, 40], config(3, diversity))
    assert [each.position for each in told] == [0, None, 1, 2]
    assert [each.moves for each in told] == [(), (Move(by, 1, None),), (Move(by, 2, 1),), (Move(by, None, 2),)]
    assert [each.rank_after for each in told] == [0, 1, 2, 3]


def test_a_pin_moves_its_item_and_pushes_down_those_below() -> None:
    told = explained([10, 30, 40], config(2), rules=SlateRules(pins=(Pin(10, 40),)), first_position=10)
    assert [each.position for each in told] == [11, None, 10]
    assert [each.moves for each in told] == [
        (Move(MovedBy.PIN, 10, 11),),
        (Move(MovedBy.PIN, 11, None),),
        (Move(MovedBy.PIN, None, 10),),
    ]
    assert (told[2].branch, told[2].propensity) == (Branch.PINNED, None)


def test_exploration_moves_what_it_drew() -> None:
    settings = config(1, NO_CAPS, ExplorationConfig(epsilon=1.0, outside_share=0.0))
    seeds = {explained([10, 40], settings, seed=seed)[1].position: seed for seed in range(60)}
    best, drawn = explained([10, 40], settings, seed=seeds[0])
    assert best.moves == (Move(MovedBy.EXPLORATION, 0, None),)
    assert drawn.moves == (Move(MovedBy.EXPLORATION, None, 0),)
    assert drawn.branch == Branch.POOL
    assert drawn.propensity is not None
    assert 0 < drawn.propensity < 0.5


def test_an_item_that_the_rules_keep_off_says_so() -> None:
    told = explained([10], config(2), rules=SlateRules(hidden=frozenset({10})))[0]
    assert not told.is_allowed
    assert (told.rank_after, told.position, told.moves) == (0, None, ())


def test_what_nothing_judged_cannot_be_explained() -> None:
    with pytest.raises(ValueError, match="Item 99 is not among the candidates"):
        explained([99], config())


def test_candidates_of_another_request_are_refused() -> None:
    other = replace(ASKED, candidates=candidates([20, 10, 30, 40]))
    scored = ScoredCandidates(ASKED.candidates.item_ids, Linear().scores(FEATURES), KEYS)
    slate = make_slate(scored, seed=0)
    with pytest.raises(ValueError, match="different items"):
        explain(
            [10],
            request=other,
            features=FEATURES,
            order=Linear(),
            candidates=scored,
            slate=slate,
            rules=NO_RULES,
            config=config(),
        )
