"""What the gate says of an arm's releases is written down, and changes nothing that the arm does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import loop
from tests.benchmarks.test_loop import arguments


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> list[Mapping[str, Any]]:
    """Of an arm that learns, on its first two days."""
    folder = tmp_path_factory.mktemp("gate")
    loop.run(arguments(folder, "--readers", "40", "--rounds", "2", arms=("d",)))
    (told,) = folder.rglob("d/rounds.json")
    found: list[Mapping[str, Any]] = json.loads(told.read_text())
    return found


def test_from_the_second_day_on_the_gate_compares_a_release_with_the_one_before(
    rounds: list[Mapping[str, Any]],
) -> None:
    first, second = rounds
    assert not {"gate_says", "gate_difference", "true_change"} & first.keys()
    assert second["gate_lower"] <= second["gate_difference"]
    assert second["true_change"] > -1


def test_with_too_few_readers_the_gate_is_undecided_and_says_why(rounds: list[Mapping[str, Any]]) -> None:
    assert rounds[1]["gate_promotes"] is None
    assert "readers with a history; 50 are needed" in rounds[1]["gate_says"]


def test_new_items_have_a_delay_or_were_never_shown(rounds: list[Mapping[str, Any]]) -> None:
    for one in rounds:
        assert 0 <= one["cold_never"] <= 1
        assert one["cold_never"] == 1 or 0 < one["cold_delay_days"] < 2


def test_behind_the_gate_what_is_not_promoted_does_not_serve(tmp_path: Path) -> None:
    """Two dozen readers are too few for it, so the release of the warm-up stays, and its order."""
    loop.run(arguments(tmp_path, "--readers", "24", "--rounds", "2", arms=("gated", "b")))
    told = {arm: json.loads(next(tmp_path.rglob(f"{arm}/rounds.json")).read_text()) for arm in ("gated", "b")}
    assert [one["promoted"] for one in told["gated"]] == [False, False]
    assert "readers with a history; 50 are needed" in told["gated"][-1]["candidate_says"]
    assert told["gated"][0]["utility"] == told["b"][0]["utility"]
