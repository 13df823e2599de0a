"""The loop, as small as it can be: two arms, one round, each in a process of its own."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from benchmarks import loop
from benchmarks.loop_results import LoopResults
from benchmarks.report import Report


def arguments(folder: Path, *more: str, arms: tuple[str, ...] = ("random", "b")) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true")
    loop.add_arguments(parser)
    sizes = ["--readers", "6", "--items", "150", "--rounds", "1", "--seeds", "1", "--arms", *arms]
    return parser.parse_args(["--small", "--resume", str(folder / "kept"), *sizes, *more])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    folder = tmp_path_factory.mktemp("loop")
    return folder, loop.run(arguments(folder, "--write", str(folder / "written")))


def test_every_arm_is_measured_against_the_truth_and_written_down(played: tuple[Path, Report]) -> None:
    folder, report = played
    results = LoopResults.read(folder / "written" / "results-default.json")
    assert set(results.arms) == {"random", "b"}
    for arm in results.arms:
        assert 0 < results.measured(arm, "utility")[0, 0] < 1
        assert 0 < results.measured(arm, "coverage")[0, 0] <= 1
    assert report.results["arms"] == results.as_json()["arms"]
    assert list((folder / "written").glob("*.svg"))


def test_regret_has_a_part_of_retrieval_and_a_part_of_the_order(played: tuple[Path, Report]) -> None:
    results = LoopResults.read(played[0] / "written" / "results-default.json")
    for arm in results.arms:
        parts = [results.measured(arm, name)[0, 0] for name in ("retrieval_regret", "order_regret")]
        assert min(parts) > 0
        assert sum(parts) == pytest.approx(results.measured(arm, "regret")[0, 0], abs=0.05)


def test_what_is_finished_is_not_played_again(played: tuple[Path, Report]) -> None:
    folder, report = played
    before = {path: path.stat().st_mtime_ns for path in (folder / "kept").rglob("rounds.json")}
    again = loop.run(arguments(folder))
    assert json.dumps(again.results["arms"]) == json.dumps(report.results["arms"])
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_what_a_results_file_has_is_not_played_again_on_another_machine(
    played: tuple[Path, Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, report = played
    monkeypatch.setattr(loop, "_servers", lambda *_: pytest.fail("there is something to be played"))
    arms = arguments(tmp_path, "--write", str(folder / "written"), arms=("b",))
    again = loop.run(arms)
    assert again.results["arms"] == report.results["arms"]
    assert set(LoopResults.read(folder / "written" / "results-default.json").arms) == {"random", "b"}
