from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from ranking.caps import Caps
from ranking.diversity import Mmr
from ranking.exploration import ExplorationConfig, Outside
from ranking.propensity import Branch
from ranking.replay import replay_propensities
from ranking.request import NONE
from ranking.slate import DrawnPool, Slate, make_slate
from ranking.slate_config import NO_RULES, Pin, ScoredCandidates, SlateConfig, SlateRules
from tests.ranking.pages import config, free

RNG = np.random.default_rng(3)
HUNDRED = ScoredCandidates(
    np.arange(100) * 3,
    RNG.normal(size=100).astype(np.float32),
    np.stack([RNG.integers(NONE, 6, 100), RNG.integers(NONE, 30, 100)], axis=1),
    RNG.normal(size=(100, 4)).astype(np.float32),
)
OUTSIDE = Outside(np.arange(500), np.stack([RNG.integers(0, 6, 500), RNG.integers(0, 30, 500)], axis=1), "all")
RULES = SlateRules(
    pins=(Pin(3, 9999, (2, 2)), Pin(25, 30, (1, 1))),
    hidden=frozenset({3, 6, 1}),
    shown=frozenset({9, 12}),
    shown_cap_keys=((0, 1), (0, 2), (1, 3)),
)
CHANCE = ExplorationConfig(epsilon=0.5, outside_share=0.3, pool=15)
CONFIGS = {
    "caps that are lifted half way": SlateConfig(30, Caps(2, 2), CHANCE),
    "caps of the whole visit": SlateConfig(30, Caps(8, 3, whole_visit=True), CHANCE),
    "mmr": SlateConfig(30, Mmr(0.6), CHANCE),
    "all chance, all outside": SlateConfig(30, Caps(3, 1), ExplorationConfig(epsilon=1.0, outside_share=1.0)),
    "no chance": config(30, Caps(2, 2)),
}


def as_logged(slate: Slate) -> Slate:
    """Through JSON, with scores as the shortest decimals that stand for a float32."""
    pool = slate.pool and DrawnPool(
        slate.pool.item_ids,
        tuple(None if score is None else float(str(np.float32(score))) for score in slate.pool.scores),
        tuple(tuple(keys) for keys in json.loads(json.dumps(slate.pool.cap_keys))),
        slate.pool.outside_size,
        slate.pool.outside_rule,
    )
    return replace(slate, pool=pool, parameters=json.loads(json.dumps(slate.parameters)))


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("others", [OUTSIDE, None], ids=["outside", "nothing outside"])
def test_propensities_computed_again_from_the_log_equal_those_logged(name: str, others: Outside | None) -> None:
    branches = set()
    for seed in range(60):
        slate = as_logged(make_slate(HUNDRED, seed=seed, rules=RULES, config=CONFIGS[name], outside=others))
        again = replay_propensities(slate.slots, slate.pool, slate.parameters, shown_cap_keys=RULES.shown_cap_keys)
        for propensity, slot in zip(again, slate.slots, strict=True):
            is_pinned = slot.branch == Branch.PINNED
            assert propensity == (None if is_pinned else pytest.approx(slot.propensity, rel=1e-12, abs=0))
        branches |= {slot.branch for slot in slate.slots}
    assert Branch.PINNED in branches


def test_a_log_that_lacks_an_item_says_so() -> None:
    slate = make_slate(free(3, 2, 1), seed=0, config=config(3, exploration=CHANCE))
    assert slate.pool is not None
    short = DrawnPool(slate.pool.item_ids[:1], slate.pool.scores[:1], slate.pool.cap_keys[:1])
    with pytest.raises(ValueError, match="does not hold its cap keys"):
        replay_propensities(slate.slots, short, slate.parameters)


def test_a_log_that_does_not_say_among_how_many_an_item_was_drawn_says_so() -> None:
    all_outside = config(2, exploration=ExplorationConfig(epsilon=1.0, outside_share=1.0))
    slate = make_slate(free(3, 2, 1), seed=0, config=all_outside, outside=OUTSIDE, rules=NO_RULES)
    with pytest.raises(ValueError, match="among how many"):
        replay_propensities(slate.slots, slate.pool, {**slate.parameters, "outside_open": []})
