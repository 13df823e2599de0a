from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.loop_results import LoopResults, LoopResultsError
from tests.benchmarks.small_loop import piece


def rounds(*utilities: float, **measures: Any) -> list[dict[str, Any]]:
    return [{"round": number, "utility": utility, **measures} for number, utility in enumerate(utilities, 1)]


def results(**changed: Any) -> dict[str, Any]:
    return {
        "world": "default",
        "readers": 300,
        "items": 5000,
        "rounds": 3,
        "seeds": [1, 2],
        "revision": "abc",
        "arms": {"d": {"rounds": {"1": rounds(0.1, 0.2, 0.3, click_rate=0.05), "2": rounds(0.4)}}},
        **changed,
    }


def test_values_stand_by_seed_and_round_with_gaps_where_a_piece_is_unfinished() -> None:
    found = LoopResults.of_json(results())
    np.testing.assert_array_equal(found.measured("d", "utility"), [[0.1, 0.2, 0.3], [0.4, np.nan, np.nan]])
    np.testing.assert_array_equal(found.measured("d", "click_rate"), [[0.05] * 3, [np.nan] * 3])
    assert np.isnan(found.measured("d", "coverage")).all()
    assert np.isnan(found.measured("nobody", "utility")).all()


def test_a_measure_that_is_null_is_not_known() -> None:
    found = LoopResults.of_json(results(arms={"d": {"rounds": {"1": rounds(0.1, bait_lift=None)}}}))
    assert np.isnan(found.measured("d", "bait_lift")).all()


def test_the_control_stands_by_labels_and_seed() -> None:
    found = LoopResults.of_json(results(control={"c1": {"2": 0.4}}))
    np.testing.assert_array_equal(found.controlled("c1"), [np.nan, 0.4])
    assert np.isnan(found.controlled("d")).all()


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    said = results(control={"c1": {"1": 0.4}}, made_at="2026-03-01T12:00:00+00:00")
    said["arms"]["d"]["rounds"]["1"][0]["gate"] = {"verdict": "passed"}
    written = LoopResults.of_json(said)
    path = tmp_path / "loop" / "results-default.json"
    written.write(path, beside={"curves": {"d": []}})
    assert LoopResults.read(path) == written
    assert json.loads(path.read_text()) == {**said, "curves": {"d": []}}
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_pieces_are_put_together_in_any_order() -> None:
    pieces = [piece("d", 2, [0.1]), piece("c1", 1, [0.1, 0.2]), piece("d", 1, [0.3]) | {"revision": "abd"}]
    found = LoopResults.of_pieces(pieces, rounds=2, control={"d": {1: 0.5}}, made_at="2026-03-01")
    assert (found.world, found.readers, found.items, found.rounds) == ("small", 30, 500, 2)
    assert (found.seeds, found.revision, found.made_at) == ((1, 2), "abc, abd", "2026-03-01")
    assert {arm: list(by_seed) for arm, by_seed in found.arms.items()} == {"d": [1, 2], "c1": [1]}
    np.testing.assert_array_equal(found.controlled("d"), [0.5, np.nan])


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        ([], "no piece"),
        ([piece("d", 1, [0.1]), piece("d", 1, [0.1])], "d with seed 1 is in two pieces"),
        ([piece("d", 1, [0.1]), piece("d", 2, [0.1]) | {"readers": 31}], "differ in readers: 30, 31"),
        ([piece("d", 1, [0.1]), piece("d", 2, [0.1]) | {"world": "other"}], "differ in world: other, small"),
        ([{"arm": "d", "seed": 1}], "arm d with seed 1 has no rounds"),
        ([{"seed": 1}], "has no arm"),
        ([piece("d", 1, [0.1] * 3)], "has 3 rounds, and an arm has 2"),
    ],
)
def test_pieces_that_do_not_belong_together_are_refused(pieces: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(LoopResultsError, match=why):
        LoopResults.of_pieces(pieces, rounds=2)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([], "The file is \\[\\], and must be an object"),
        ({}, "The file has no rounds"),
        (results(rounds=0), "rounds is 0"),
        (results(readers="many"), "readers: 'many' is no whole number"),
        (results(seeds=[1, 1]), "one stands twice"),
        (results(arms=[]), "arms is \\[\\]"),
        (results(arms={"d": {}}), "arms.d has no rounds"),
        (results(arms={"d": {"rounds": {"7": []}}}), "arms.d.rounds has seed '7', but seeds are \\[1, 2\\]"),
        (results(arms={"d": {"rounds": {"1": rounds(1, 2)[::-1]}}}), "is round 2. Rounds stand in order"),
        (results(arms={"d": {"rounds": {"1": [{"round": 1}]}}}), "arms.d.rounds.1\\[1\\] has no utility"),
        (results(arms={"d": {"rounds": {"1": rounds(float("nan"))}}}), "utility is nan, and must be a finite number"),
        (results(arms={"d": {"rounds": {"1": rounds(1, regret="x")}}}), "regret is 'x'"),
        (results(control={"d": {"1": None}}), "control.d.1 is None"),
    ],
)
def test_another_file_is_refused_by_what_is_wrong_with_it(tmp_path: Path, said: Any, why: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(said))
    with pytest.raises(LoopResultsError, match=why):
        LoopResults.read(path)


def test_without_a_file_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(LoopResultsError, match="python -m benchmarks loop"):
        LoopResults.read(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("nothing")
    with pytest.raises(LoopResultsError, match=r"text\.json holds no results"):
        LoopResults.read(tmp_path / "text.json")
