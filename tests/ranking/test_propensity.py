from __future__ import annotations

import math
from collections import Counter

import pytest

from ranking.propensity import Branch, PoolWeights, SlotChances, slot_chances

WEIGHTS = [0.6, 0.3, 0.1]


def chances(
    greedy: int = 7,
    pool: tuple[int, ...] = (7, 8, 9),
    *,
    epsilon: float = 0.5,
    share: float = 0.2,
    has_outside: bool = True,
) -> SlotChances:
    weights = WEIGHTS[: len(pool)]
    return slot_chances(greedy, pool, weights, epsilon=epsilon, outside_share=share, has_outside=has_outside)


def of_candidates(slot: SlotChances) -> dict[int, float]:
    """All candidates that have a chance, and it. What is missing to 1 goes to items from outside."""
    return {candidate: slot.of_candidate(candidate) for candidate in {slot.greedy, *slot.pool}}


def test_an_item_has_the_sum_of_all_ways_by_which_it_can_come() -> None:
    # Half the slots explore: a fifth of those from outside, 0.1; the pool has 0.4.
    slot = chances()
    assert slot.of_candidate(7) == pytest.approx(0.5 + 0.4 * 0.6)
    assert slot.of_candidate(8) == pytest.approx(0.4 * 0.3)
    assert slot.of_candidate(9) == pytest.approx(0.4 * 0.1)
    assert slot.of_one_outside(50) == pytest.approx(0.1 / 50)


def test_weights_need_not_sum_to_one() -> None:
    # Without the first, what is left keeps its proportions.
    slot = slot_chances(8, (8, 9), [0.3, 0.1], epsilon=1.0, outside_share=0.0, has_outside=False)
    assert of_candidates(slot) == pytest.approx({8: 0.75, 9: 0.25})


def test_a_greedy_item_beyond_the_pool_comes_by_one_way_only() -> None:
    assert chances(greedy=5).of_candidate(5) == 0.5


def test_an_item_that_may_not_stand_there_has_no_chance() -> None:
    assert chances().of_candidate(4) == 0.0


@pytest.mark.parametrize(
    ("pool", "has_outside", "ways"),
    [
        ((7, 8, 9), False, (0.5, 0.5, 0.0)),
        ((), True, (0.5, 0.0, 0.5)),
        ((), False, (1.0, 0.0, 0.0)),
    ],
    ids=["nothing outside", "pool used up", "neither"],
)
def test_where_a_set_is_used_up_its_share_goes_to_the_other_and_then_to_the_greedy_item(
    pool: tuple[int, ...], has_outside: bool, ways: tuple[float, float, float]
) -> None:
    slot = chances(pool=pool, has_outside=has_outside)
    assert (slot.of_greedy, slot.of_pool, slot.of_outside) == pytest.approx(ways)


def test_a_share_of_zero_is_never_outside_even_when_the_pool_is_used_up() -> None:
    slot = chances(pool=(), share=0.0)
    assert (slot.of_greedy, slot.of_outside) == (1.0, 0.0)


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("has_outside", [False, True])
@pytest.mark.parametrize("pool", [(), (7,), (7, 8, 9)])
@pytest.mark.parametrize("greedy", [7, 5])
def test_probabilities_sum_to_one(
    epsilon: float, share: float, has_outside: bool, pool: tuple[int, ...], greedy: int
) -> None:
    slot = chances(greedy, pool, epsilon=epsilon, share=share, has_outside=has_outside)
    assert sum(of_candidates(slot).values()) + slot.of_outside == pytest.approx(1.0, abs=1e-15)


def test_what_is_drawn_follows_the_probabilities_that_are_read_off() -> None:
    slot, steps = chances(), 200
    grid = [(step + 0.5) / steps for step in range(steps)]
    drawn = Counter(slot.draw(way, within) for way in grid for within in grid)
    shares = {way: count / steps**2 for way, count in drawn.items()}
    assert shares == pytest.approx(
        {
            (Branch.GREEDY, 7): 0.5,
            (Branch.POOL, 7): 0.24,
            (Branch.POOL, 8): 0.12,
            (Branch.POOL, 9): 0.04,
            (Branch.OUTSIDE, None): 0.1,
        }
    )


@pytest.mark.parametrize("has_outside", [False, True])
@pytest.mark.parametrize("pool", [(), (7, 8, 9)])
@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.3, 1.0])
def test_the_last_of_the_numbers_draws_something_that_has_a_chance(
    epsilon: float, pool: tuple[int, ...], has_outside: bool
) -> None:
    almost = math.nextafter(1.0, 0.0)
    slot = chances(pool=pool, epsilon=epsilon, has_outside=has_outside)
    branch, item = slot.draw(almost, almost)
    ways = {Branch.GREEDY: slot.of_greedy, Branch.POOL: slot.of_pool, Branch.OUTSIDE: slot.of_outside}
    assert ways[branch] > 0
    assert item is None or slot.of_candidate(item) > 0


def test_a_weight_of_zero_is_never_drawn() -> None:
    slot = slot_chances(1, (1, 2), [1.0, 0.0], epsilon=1.0, outside_share=0.0, has_outside=False)
    assert slot.draw(0.999, math.nextafter(1.0, 0.0)) == (Branch.POOL, 1)


def test_weights_are_a_softmax_of_score_over_temperature() -> None:
    weights = PoolWeights([3.0, 2.0, 0.0], temperature=2.0).of([0, 1, 2])
    assert [weight / weights[0] for weight in weights] == pytest.approx([1.0, math.exp(-0.5), math.exp(-1.5)])


def test_what_lies_very_far_below_keeps_its_proportions_once_the_best_is_gone() -> None:
    pool = PoolWeights([0.0, -900.0, -901.0, -5000.0], temperature=1.0)
    assert pool.of([0, 1]) == [1.0, 0.0]
    assert pool.of([1, 2]) == pytest.approx([1.0, math.exp(-1)])
    assert pool.of([3]) == [1.0]
    # Caps that are lifted bring back what stood above.
    assert pool.of([0, 1]) == [1.0, 0.0]
    assert pool.of([1, 2]) == pytest.approx([1.0, math.exp(-1)])
