from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.loop_arms import ARMS
from benchmarks.loop_claims import CLAIMS
from benchmarks.loop_results import LoopResults
from benchmarks.loop_tables import (
    ARMS_HEADER,
    CLAIMS_HEADER,
    CONTROL_HEADER,
    arms_table,
    claims_table,
    control_table,
    main,
)
from tests.benchmarks.small_loop import piece, results

MEASURES = {
    "regret": 0.04,
    "retrieval_regret": 0.03,
    "order_regret": 0.01,
    "click_rate": 0.05,
    "dismiss_rate": 0.011,
    "click_entropy": 0.875,
    "look_alike_lift": 0.5,
    "look_alike_candidates_lift": 1.25,
    "bait_lift": 2.0,
    "bait_candidates_lift": 1.5,
    "coverage": 0.6,
}


def small() -> LoopResults:
    pieces = [piece("random", seed, [0.0] * 8) for seed in (1, 2)]
    pieces += [piece("oracle", seed, [1.0] * 8) for seed in (1, 2)]
    pieces += [piece("d", seed, [0.9] * 6 + [0.5 + 0.1 * seed] * 2, **MEASURES) for seed in (1, 2)]
    pieces += [piece("aa", seed, [0.9] * 6 + [0.5 + 0.1 * seed] * 2) for seed in (1, 2)]
    pieces += [piece("c1", 1, [0.2] * 8), piece("c1", 2, [0.3] * 7)]
    return LoopResults.of_pieces(pieces, rounds=8, control={"d": {1: 0.5, 2: 0.6}, "c1": {1: 0.2, 2: 0.4}})


def test_an_arm_is_told_by_its_last_rounds_over_worlds() -> None:
    header, *rows = arms_table(small())
    assert header == ARMS_HEADER
    by_arm = {row[0].split(":")[0]: row for row in rows}
    # 0.6 and 0.7: s = 0.0707, t(1, 0.975) = 12.706, so 0.65 +- 0.635
    assert by_arm["d"][0] == f"d: {ARMS['d'].title}"
    assert by_arm["d"][1:4] == ("0.650 (0.015 to 1.285)", "2", "0.350")
    assert by_arm["d"][4:] == (
        "0.040",
        "0.030",
        "0.010",
        "5.00%",
        "1.10%",
        "0.875",
        "0.50",
        "1.25",
        "2.00",
        "1.50",
        "60.00%",
        "round 1",
    )
    assert by_arm["random"][1:4] == ("0.000 (0.000 to 0.000)", "2", "1.000")
    assert by_arm["random"][-1] == by_arm["oracle"][-1] == "–"


def test_an_arm_that_is_not_done_in_a_world_is_told_by_the_others_and_gaps_stay_gaps() -> None:
    by_arm = {row[0].split(":")[0]: row for row in arms_table(small())[1:]}
    assert by_arm["c1"][1:4] == ("0.200", "1", "0.800")
    assert by_arm["c1"][4:15] == ("–",) * 11


def test_without_a_second_of_its_kind_nothing_has_converged() -> None:
    assert arms_table(results({"d": {1: [0.5] * 4}}))[-1][-1] == "–"


def test_every_claim_has_its_row_and_its_verdict() -> None:
    header, *rows = claims_table(results({"d": {1: [0.5] * 4, 2: [0.6] * 4}, "c1": {1: [0.2] * 4, 2: [0.31] * 4}}))
    assert header == CLAIMS_HEADER
    assert [row[0] for row in rows] == [claim.sentence for claim in CLAIMS]
    # 0.3 and 0.29: 0.295 +- 12.706 * 0.00707 / sqrt(2)
    assert rows[0][1:] == ("d - c1", "+0.295 (+0.231 to +0.359)", "2", "supports")
    assert rows[1][1:] == ("c1 - c0", "–", "–", "not run")


def test_the_control_tells_labels_from_feedback() -> None:
    """On one log d is 0.25 above c1; what it is above it on its own log besides is what feedback adds."""
    arms = {"d": {1: [0.9] * 4, 2: [0.9] * 4}, "c1": {1: [0.5] * 4, 2: [0.5] * 4}}
    control = {"d": {1: 0.5, 2: 0.6}, "c1": {1: 0.25, 2: 0.35}}
    header, of_d, of_c1 = control_table(results(arms, control=control))
    assert header == CONTROL_HEADER
    assert of_d == ("d", "0.550 (-0.085 to 1.185)", "", "", "")
    changes = [cell.split(" ")[0] for cell in of_c1[2:]]
    assert (of_c1[0], changes) == ("c1", ["-0.250", "-0.400", "-0.150"])


def test_a_results_file_becomes_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.json"
    small().write(path)
    assert main([str(path)]) == 0
    tables = capsys.readouterr().out.split("\n\n")
    assert [table.splitlines()[0].count("|") - 1 for table in tables] == [
        len(ARMS_HEADER),
        len(CLAIMS_HEADER),
        len(CONTROL_HEADER),
    ]
    assert main([str(tmp_path / "none.json")]) == 1
    assert "none.json cannot be read" in capsys.readouterr().err
