from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from feedback.models import Slate as LoggedSlate
from feedback.slates import Pool, Slot
from ranking.caps import NO_CAPS, Caps
from ranking.diversity import Mmr
from ranking.exploration import NO_EXPLORATION, ExplorationConfig, Outside
from ranking.propensity import Branch
from ranking.request import NONE
from ranking.slate import Slate, make_slate
from ranking.slate_config import NO_RULES, Pin, ScoredCandidates, SlateConfig, SlateRules
from tests.ranking.pages import config, free, outside, scored
from tests.ranking.policy_simulation import NOTHING, Simulation

NOTHING_OUTSIDE = outside()
SIX = scored((1, 3.0, 0, 1), (2, 2.4, 0, 2), (3, 2.0, 1, 1), (4, 1.2, 1, 2), (5, 0.5, 2, 3), (6, 0.0, 0, 3))


def plain_slate(candidates: ScoredCandidates, **arguments: object) -> Slate:
    return make_slate(candidates, seed=0, **{"config": config(), **arguments})  # type: ignore[arg-type]


def test_exploration_and_diversity_off_means_strictly_sorted() -> None:
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 20, 60).astype(np.float32)
    candidates = ScoredCandidates(rng.permutation(60), scores, rng.integers(0, 3, (60, 2)))
    slate = plain_slate(candidates, config=config(size=40))
    expected = sorted(zip(-scores, range(60), strict=True))[:40]
    assert list(slate.item_ids) == [candidates.item_ids[row] for _, row in expected]
    assert all(slot.propensity == 1.0 and slot.branch == Branch.GREEDY for slot in slate.slots)
    assert all(above.score >= below.score for above, below in pairwise(slate.slots))  # type: ignore[operator]
    assert slate.pool is None


def test_equal_scores_keep_the_order_given() -> None:
    assert plain_slate(scored(*((i, 1.0, NONE, NONE) for i in (4, 9, 2, 7)))).item_ids == (4, 9, 2, 7)


def test_caps_let_the_next_best_pass_and_are_lifted_when_nothing_else_is_left() -> None:
    # One of a topic: 1 of topic 0, 3 of topic 1, 5 of topic 2; then the rest by score.
    slate = plain_slate(SIX, config=config(diversity=Caps(per_topic=1, per_author=None)))
    assert slate.item_ids == (1, 3, 5, 2, 4, 6)
    # One of an author as well: 4, not 3, for author 1 has shown.
    slate = plain_slate(SIX, config=config(diversity=Caps(per_topic=1, per_author=1)))
    assert slate.item_ids == (1, 4, 5, 2, 3, 6)


def test_mmr_puts_what_is_alike_apart() -> None:
    candidates = scored(*SIX_ROWS_OF_TWO, vectors=[[1, 0], [1, 0], [0, 1], [0, 1]])
    assert plain_slate(candidates, config=config(diversity=Mmr(0.5))).item_ids == (1, 3, 2, 4)


SIX_ROWS_OF_TWO = tuple((item_id, 4.0 - item_id / 10, NONE, NONE) for item_id in (1, 2, 3, 4))


def test_mmr_without_vectors_is_refused() -> None:
    with pytest.raises(ValueError, match="MMR compares vectors"):
        plain_slate(SIX, config=config(diversity=Mmr()))


def test_pins_stand_at_their_positions_and_count_for_caps() -> None:
    rules = SlateRules(pins=(Pin(0, 77, (0, 9)), Pin(2, 5, (2, 3))))
    slate = plain_slate(SIX, rules=rules, config=config(size=4, diversity=Caps(per_topic=1)))
    # 77 holds topic 0, so 3 of topic 1 follows; then 5, pinned; then caps are lifted.
    assert slate.item_ids == (77, 3, 5, 1)
    assert [slot.branch for slot in slate.slots] == [Branch.PINNED, Branch.GREEDY, Branch.PINNED, Branch.GREEDY]
    assert [slot.propensity for slot in slate.slots] == [None, 1.0, None, 1.0]
    assert [slot.score for slot in slate.slots] == [None, 2.0, 0.5, 3.0]
    assert [slot.greedy_item_id for slot in slate.slots] == [77, 3, 5, 1]


def test_positions_of_pins_are_those_of_the_visit() -> None:
    rules = SlateRules(pins=(Pin(1, 6), Pin(5, 2), Pin(9, 3)), shown=frozenset({1}))
    slate = plain_slate(SIX, rules=rules, config=config(size=3), first_position=4)
    # 2 stands at 5; 3 waits for 9; the place of 6 has gone by, so it is like any other.
    assert slate.item_ids == (4, 2, 5)
    assert slate.first_position == 4


def test_hidden_and_shown_items_stand_nowhere_not_even_pinned_or_from_outside() -> None:
    rules = SlateRules(pins=(Pin(0, 3),), hidden=frozenset({3, 11}), shown=frozenset({1, 12}))
    all_chance = config(exploration=ExplorationConfig(epsilon=1.0, outside_share=0.5))
    others = outside((1, 0, 0), (11, 0, 0), (12, 0, 0), (13, 0, 0))
    seen: set[int] = set()
    for seed in range(50):
        slate = make_slate(SIX, seed=seed, rules=rules, config=all_chance, outside=others)
        assert slate.pool is not None
        assert slate.pool.outside_size == 1
        seen.update(slate.item_ids)
    assert seen == {2, 4, 5, 6, 13}


def test_pages_of_a_visit_count_caps_anew_unless_told_otherwise() -> None:
    rules = SlateRules(shown=frozenset({1}), shown_cap_keys=((0, 1),))
    once = Caps(per_topic=1, per_author=None)
    assert plain_slate(SIX, rules=rules, config=config(size=2, diversity=once)).item_ids == (2, 3)
    across = replace(once, whole_visit=True)
    assert plain_slate(SIX, rules=rules, config=config(size=2, diversity=across)).item_ids == (3, 5)


def test_nothing_and_one_candidate_make_pages() -> None:
    explores = config(exploration=ExplorationConfig(epsilon=1.0))
    for each in (config(), explores, config(diversity=Caps())):
        assert plain_slate(free(), config=each).item_ids == ()
        one = plain_slate(free(0.5), config=each)
        assert [(slot.item_id, slot.propensity, slot.greedy_item_id) for slot in one.slots] == [(1, 1.0, 1)]
        assert one.is_end
    assert plain_slate(free(), outside=outside((5, 0, 0)), config=explores).item_ids == ()


def test_a_page_knows_whether_there_is_more() -> None:
    assert not plain_slate(free(3, 2, 1), config=config(size=2)).is_end
    assert plain_slate(free(3, 2, 1), config=config(size=3)).is_end


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_the_log_cannot_hold_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="bigint"):
        make_slate(SIX, seed=seed)


def test_the_same_seed_gives_the_same_page_and_another_gives_another() -> None:
    chance = config(exploration=ExplorationConfig(epsilon=0.5))
    pages = [make_slate(SIX, seed=seed, config=chance).item_ids for seed in range(20)]
    assert pages == [make_slate(SIX, seed=seed, config=chance).item_ids for seed in range(20)]
    assert len(set(pages)) > 5


def test_what_a_slot_draws_depends_on_its_own_numbers_only() -> None:
    # With nothing to choose from above, slot 1 of both pages draws by the same number.
    chance = config(exploration=ExplorationConfig(epsilon=1.0))
    free_page = make_slate(free(2, 1, 0), seed=4, config=chance)
    pinned = make_slate(free(2, 1, 0), seed=4, config=chance, rules=SlateRules(pins=(Pin(0, free_page.item_ids[0]),)))
    assert pinned.item_ids == free_page.item_ids


SCENARIOS = {
    "caps": (SIX, NOTHING_OUTSIDE, NO_RULES, config(4, Caps(1, 1), ExplorationConfig(epsilon=0.5, outside_share=0.0))),
    "pinned": (
        SIX,
        outside((3, 1, 1), (10, 4, 4), (11, 0, 4)),
        SlateRules(pins=(Pin(0, 2, (0, 2)), Pin(2, 77, (1, 9))), hidden=frozenset({5})),
        config(4, Caps(1, 2), ExplorationConfig(epsilon=0.6, outside_share=0.3, temperature=0.7)),
    ),
    "pool smaller than the page": (
        free(3, 2, 1, 0.5, 0),
        outside((10, 0, 0), (11, 0, 0)),
        NO_RULES,
        config(4, NO_CAPS, ExplorationConfig(epsilon=0.7, outside_share=0.25, pool=2)),
    ),
    "pool smaller, nothing outside": (
        free(3, 2, 1, 0.5),
        NOTHING_OUTSIDE,
        NO_RULES,
        config(3, NO_CAPS, ExplorationConfig(epsilon=0.7, pool=1)),
    ),
    "outside runs dry": (
        free(2, 1, 0),
        outside((10, 0, 0)),
        NO_RULES,
        config(3, NO_CAPS, ExplorationConfig(epsilon=0.8, outside_share=0.5)),
    ),
    "outside closed by caps": (
        scored((1, 2.0, 0, 1), (2, 1.0, 1, 1), (3, 0.0, 2, 1)),
        outside((10, 0, 5), (11, 0, 6), (12, 1, 5)),
        NO_RULES,
        config(4, Caps(1, None), ExplorationConfig(epsilon=0.6, outside_share=0.5)),
    ),
    "epsilon 0": (SIX, outside((10, 4, 4)), NO_RULES, config(4, Caps(1, 1))),
    "epsilon 1": (SIX, outside((10, 4, 4), (11, 5, 5)), NO_RULES, config(3, Caps(2, 1), ExplorationConfig(epsilon=1))),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_propensities_match_a_hundred_thousand_pages_drawn_in_another_way(name: str) -> None:
    candidates, others, rules, settings = SCENARIOS[name]
    claimed: dict[tuple[int, ...], dict[int, float]] = defaultdict(dict)
    for seed in range(800):
        slate = make_slate(candidates, seed=seed, rules=rules, config=settings, outside=others)
        for index, slot in enumerate(slate.slots):
            if slot.propensity is not None:
                claimed[slate.item_ids[:index]][slot.item_id] = slot.propensity
    pages = Simulation(candidates, others, rules, settings, 100_000, np.random.default_rng(7)).drawn()
    drawn = Counter(tuple(page[:length]) for page in pages.tolist() for length in range(1, settings.size + 1))
    drawn[()] = len(pages)
    compared = 0
    for above, chances in claimed.items():
        for item_id, propensity in chances.items():
            expected = drawn[above] * propensity
            error = math.sqrt(expected * (1 - propensity))
            assert abs(drawn[(*above, item_id)] - expected) <= 5 * error + 1e-6, (above, item_id, propensity)
            compared += drawn[(*above, item_id)]
    pinned = sum(pin.position < settings.size for pin in rules.pins)
    assert compared > 0.97 * (np.count_nonzero(pages != NOTHING) - pinned * len(pages))


def test_pages_are_drawn_as_often_as_their_propensities_say() -> None:
    candidates, others, rules, settings = SCENARIOS["pinned"]
    drawn: Counter[tuple[int, ...]] = Counter()
    claimed = {}
    for seed in range(5_000):
        slate = make_slate(candidates, seed=seed, rules=rules, config=settings, outside=others)
        drawn[slate.item_ids] += 1
        claimed[slate.item_ids] = math.prod(slot.propensity or 1.0 for slot in slate.slots)
    assert sum(claimed.values()) == pytest.approx(1.0, abs=0.02)
    for item_ids, chance in claimed.items():
        assert abs(drawn[item_ids] - 5_000 * chance) <= 5 * math.sqrt(5_000 * chance) + 1, item_ids


def test_the_greedy_item_is_what_stands_there_without_exploration() -> None:
    candidates, others, _, settings = SCENARIOS["outside closed by caps"]
    for seed in range(100):
        slate = make_slate(candidates, seed=seed, config=settings, outside=others)
        shown_keys = tuple(KEYS_OF[item_id] for item_id in slate.item_ids)
        for index, slot in enumerate(slate.slots):
            rules = SlateRules(shown=frozenset(slate.item_ids[:index]), shown_cap_keys=shown_keys[:index])
            greedy = replace(settings, size=1, exploration=NO_EXPLORATION, diversity=Caps(1, None, whole_visit=True))
            assert plain_slate(candidates, rules=rules, config=greedy).item_ids == (slot.greedy_item_id,)


KEYS_OF = {1: (0, 1), 2: (1, 1), 3: (2, 1), 10: (0, 5), 11: (0, 6), 12: (1, 5)}


def test_half_the_slots_explore_and_a_fifth_of_those_from_outside() -> None:
    many = free(*np.linspace(3, 0, 60).tolist())
    others = Outside(np.arange(1000, 1500), np.full((500, 2), NONE), "many")
    settings = SlateConfig(20, NO_CAPS, ExplorationConfig(epsilon=0.5, outside_share=0.2))
    slates = [make_slate(many, seed=seed, config=settings, outside=others) for seed in range(300)]
    branches = Counter(slot.branch for slate in slates for slot in slate.slots)
    shares = {branch: count / 6000 for branch, count in branches.items()}
    assert shares == pytest.approx({Branch.GREEDY: 0.5, Branch.POOL: 0.4, Branch.OUTSIDE: 0.1}, abs=0.02)


def test_everything_that_the_log_wants_is_there_and_is_plain_json() -> None:
    candidates, others, rules, settings = SCENARIOS["pinned"]
    for seed in range(30):
        slate = make_slate(candidates, seed=seed, rules=rules, config=settings, outside=others)
        assert slate.pool is not None
        assert json.loads(json.dumps(slate.parameters)) == slate.parameters
        slots = [
            Slot(slot.item_id, (), slot.score, slot.greedy_item_id, slot.propensity, int(slot.branch))
            for slot in slate.slots
        ]
        pool = Pool(
            slate.pool.item_ids,
            slate.pool.scores,
            slate.pool.cap_keys,
            outside_size=slate.pool.outside_size,
            outside_rule=slate.pool.outside_rule,
        )
        assert (pool.outside_size, pool.outside_rule) == (2, "all")
        assert {slot.item_id for slot in slots} | {slot.greedy_item_id for slot in slots} <= set(pool.item_ids)
        assert len(set(pool.item_ids)) == len(pool.item_ids) == len(pool.scores) == len(pool.cap_keys)


def test_branches_have_the_numbers_of_the_log() -> None:
    assert {branch.name: branch.value for branch in Branch} == {
        branch.name: branch.value for branch in LoggedSlate.Branch if branch.name != "FALLBACK"
    }
