from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from ranking.caps import NO_CAPS, CapCounts, Caps
from ranking.exploration import ExplorationConfig, OpenOutside, Outside
from ranking.request import NONE
from tests.ranking.pages import outside

NOBODY = np.empty(0, np.int64)


def test_the_temperature_is_in_standard_deviations_of_the_pool() -> None:
    assert ExplorationConfig(temperature=0.5).temperature_of([1.0, 3.0]) == pytest.approx(0.5)
    assert ExplorationConfig(temperature=0.5).temperature_of([10.0, 30.0]) == pytest.approx(5.0)


@pytest.mark.parametrize("scores", [[], [2.0], [2.0, 2.0]])
def test_among_equals_there_is_a_temperature_too(scores: list[float]) -> None:
    assert ExplorationConfig().temperature_of(scores) == 1.0


@pytest.mark.parametrize(
    "wrong",
    [{"epsilon": 1.5}, {"epsilon": float("nan")}, {"outside_share": -0.1}, {"pool": 0}, {"temperature": 0.0}],
    ids=str,
)
def test_what_cannot_be_drawn_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ExplorationConfig(**wrong)  # type: ignore[arg-type]


def test_candidates_and_hidden_items_are_not_outside() -> None:
    still = OpenOutside(outside((2, 1, 1), (4, 1, 1), (6, 1, 1)), CapCounts(NO_CAPS), without=np.array([4, 5, 4, 99]))
    assert still.size == 2
    drawn = Counter(still.item_ids[still.pick(step / 10)[0]].item() for step in range(10))
    assert drawn == {2: 5, 6: 5}


def test_what_is_taken_or_closed_by_a_cap_cannot_be_drawn_until_caps_are_lifted() -> None:
    counts = CapCounts(Caps(per_topic=1))
    still = OpenOutside(outside((1, 5, NONE), (2, 5, NONE), (3, 6, NONE)), counts, without=NOBODY)
    row, num_open = still.pick(0.0)
    assert (row, num_open) == (0, 3)
    still.take(row)
    counts.add(still.keys(row))
    assert still.pick(0.99) == (2, 1)
    still.take(2)
    assert not still.any()
    counts.lift()
    still.rewind()
    assert still.any()
    assert still.pick(0.5) == (1, 1)
    assert still.size == 3


def test_nothing_outside_is_never_open() -> None:
    still = OpenOutside(outside(), CapCounts(NO_CAPS), without=np.array([1, 2]))
    assert not still.any()
    assert still.size == 0


def test_a_large_set_is_drawn_from_evenly_and_what_is_open_is_found_far_down() -> None:
    topics = np.where(np.arange(20_000) < 15_000, 1, 2)
    many = Outside(np.arange(20_000), np.stack([topics, np.full(20_000, NONE)], axis=1), "many")
    counts = CapCounts(Caps(per_topic=1))
    still = OpenOutside(many, counts, without=np.arange(15_000, 16_000))
    assert still.pick(0.5) == (9_500, 19_000)
    counts.add((1, NONE))
    assert still.any()
    assert [still.pick(drawn)[0] for drawn in (0.0, 0.25, 0.99975)] == [16_000, 17_000, 19_999]
    assert still.pick(0.5)[1] == 4_000
    counts.add((2, NONE))
    assert not still.any()


@pytest.mark.parametrize(
    ("item_ids", "cap_keys", "rule", "match"),
    [
        ([2, 1], [[0, 0], [0, 0]], "", "must rise"),
        ([1, 2], [[0, 0]], "", "must be"),
        ([1], [[0, 0]], "x" * 201, "200 characters"),
    ],
    ids=["order", "shape", "rule"],
)
def test_a_set_that_cannot_be_searched_or_logged_is_refused(
    item_ids: list[int], cap_keys: list[list[int]], rule: str, match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        Outside(np.array(item_ids), np.array(cap_keys), rule)
