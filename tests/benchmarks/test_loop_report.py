"""The report of the loop: what stands in its JSON."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.loop_pieces import TOLD, Piece
from benchmarks.loop_report import report

ROUNDS = 8
LEVELS = {"random": 0.0, "oracle": 1.0, "d": 0.5, "c1": 0.3}


def finished(folder: Path, arm: str, seed: int) -> Piece:
    piece = Piece(arm, seed, "default", 6, 150, ROUNDS, folder / f"seed-{seed}", "", "")
    piece.own.mkdir(parents=True)
    utility = LEVELS[arm] + 0.01 * seed * (arm == "d")
    told = [{"round": number, "utility": utility, "seconds": 1.0} for number in range(1, ROUNDS + 1)]
    (piece.own / TOLD).write_text(json.dumps(told))
    return piece


def test_a_claim_of_which_two_worlds_tell_stands_in_the_report_with_its_interval(tmp_path: Path) -> None:
    plan = [finished(tmp_path, arm, seed) for arm in LEVELS for seed in (1, 2)]
    said = json.loads(json.dumps(report(plan, small=True, folder=None).results))
    (claim,) = [one for one in said["claims"] if one["arms"] == "d - c1"]
    assert claim["low"] <= claim["mean"] <= claim["high"]
    assert claim["verdict"] == "supports"
