from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulation.draws import stream
from simulation.judgement import appeal, satisfaction, shifted, utilities, utility
from simulation.readers import draw_readers
from simulation.truth import INTERESTS, Truth, draw_truth
from simulation.worlds import load_world

WORLD = load_world("default")
NATURE = Truth(tuple(float(name == "nature") for name in INTERESTS), 0.6)
TASTES = NATURE.interests


def test_utility_is_a_click_times_what_it_gives() -> None:
    assert utility(TASTES, NATURE, WORLD) == appeal(TASTES, NATURE, WORLD) * satisfaction(TASTES, NATURE, WORLD)
    assert 0 < utility(TASTES, NATURE, WORLD) < 1


def test_bait_is_clicked_more_and_gives_next_to_nothing() -> None:
    bait = replace(NATURE, kind="bait")
    assert appeal(TASTES, bait, WORLD) > appeal(TASTES, NATURE, WORLD)
    assert utility(TASTES, bait, WORLD) < 0.05 * utility(TASTES, NATURE, WORLD)


def test_a_look_alike_is_hardly_clicked_even_by_those_whom_it_would_suit() -> None:
    look_alike = replace(NATURE, kind="look-alike")
    expected = WORLD.items.look_alike_appeal * appeal(TASTES, NATURE, WORLD)
    assert appeal(TASTES, look_alike, WORLD) == pytest.approx(expected)


def test_the_table_of_everybody_and_everything_says_the_same() -> None:
    readers = [reader.tastes for reader in draw_readers(seed=1, num_readers=7)]
    plain = [draw_truth(stream(1, index, "truth"), [{"nature": 1.0, "making": 2.0}]) for index in range(5)]
    truths = [*plain, replace(plain[0], kind="bait"), replace(plain[1], kind="look-alike")]
    table = utilities(np.array(readers), truths, WORLD)
    assert table.shape == (7, 7)
    one_by_one = [[utility(tastes, truth, WORLD) for truth in truths] for tastes in readers]
    assert table == pytest.approx(np.array(one_by_one))


def test_a_shift_moves_odds_and_stays_a_probability() -> None:
    assert shifted(0.5, 0.0) == 0.5
    assert shifted(0.5, 1.0) == pytest.approx(1 / (1 + np.exp(-1)))
    assert shifted(0.0, 5.0) < 0.001
    assert shifted(1.0, -5.0) > 0.999
