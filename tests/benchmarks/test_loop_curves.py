from __future__ import annotations

import json

from benchmarks.loop_arms import ARMS
from benchmarks.loop_curves import GROUPS, groups, page_part
from benchmarks.loop_svg import COLOURS
from tests.benchmarks.small_loop import results


def test_every_arm_that_a_site_could_be_is_in_a_picture_of_at_most_five() -> None:
    drawn = {key for group in GROUPS for key in group.arms}
    assert drawn == ARMS.keys() - {"random", "oracle", "aa"}
    assert max(len(group.arms) for group in GROUPS) <= COLOURS


def test_groups_are_those_with_something_to_compare() -> None:
    small = results({"d": {1: [0.5] * 4}, "d0": {1: [0.4] * 4}, "b": {1: [0.3] * 4}})
    assert [(group.key, group.arms) for group in groups(small)] == [
        ("feedback", ("d", "b")),
        ("features", ("d", "d0")),
        ("alone", ("d", "b")),
    ]


def test_the_page_is_given_curves_figures_and_verdicts() -> None:
    small = results({"d": {1: [0.5, 0.6], 2: [0.5]}, "aa": {1: [0.5] * 4}, "own": {1: [0.1] * 4, 2: [0.3] * 4}})
    part = json.loads(json.dumps(page_part(small), allow_nan=False))
    assert list(part["curves"]) == ["d", "own"]
    assert part["curves"]["d"] == [
        {"round": 1, "mean": 0.5, "lower": 0.5, "upper": 0.5, "seeds": 2},
        {"round": 2, "mean": 0.6, "lower": None, "upper": None, "seeds": 1},
    ]
    assert part["titles"] == {"d": ARMS["d"].title, "own": "own"}
    # 0.1 and 0.3: 0.2 +- 12.706 * 0.1414 / sqrt(2)
    assert part["late"] == {"own": {"mean": 0.2, "lower": -1.07062, "upper": 1.47062, "seeds": 2}}
    assert part["claims"][0] == {
        "claim": "The ranker learns more from its own mistakes than from random negatives",
        "difference": "d - c1",
        "verdict": "not run",
    }
    assert part["noise_floor"] is None
    assert part["groups"] == []
