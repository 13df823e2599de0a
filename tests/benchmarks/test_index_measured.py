from __future__ import annotations

import json
import subprocess
import sys

import numpy as np

from benchmarks.index_measured import _in_rounds, _ratio
from benchmarks.report import ROOT


def test_every_other_round_goes_backwards() -> None:
    asked: list[str] = []
    calls = {name: lambda i, name=name: asked.append(f"{name}{i}") for name in "ab"}
    seconds = _in_rounds(calls, num_queries=2, rounds=2)
    assert asked == ["b0", "b1", "a0", "a1", "a0", "a1", "b0", "b1"]
    assert seconds["a"].shape == (2, 2)
    assert (seconds["a"] > 0).all()


def test_a_ratio_is_the_median_over_rounds_so_that_one_bad_round_counts_for_nothing() -> None:
    assert _ratio(np.array([[2.0, 2.0], [2.0, 2.0], [90.0, 90.0]]), np.ones((3, 2))) == 2


def test_the_last_line_of_the_process_is_what_was_measured() -> None:
    options = ["--smaller=1500", "--kinds", "ivf_8bit", "--queries=3", "--rounds=2", "--seed=1"]
    command = [sys.executable, "-m", "benchmarks.index_measured", "12000", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    measured = json.loads(done.stdout.splitlines()[-1])
    assert measured["num_items"] == 12_000
    assert [case["name"] for case in measured["cases"]] == [
        "all",
        "5% filtered",
        "50% filtered",
        "200 excluded",
        "2,000 excluded",
        "1,000 upserted",
        "10,000 upserted",
    ]
    assert measured["other_kinds"][0][0]["kind"] == "ivf_8bit"
    assert measured["growth"] > 0
