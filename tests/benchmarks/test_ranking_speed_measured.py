from __future__ import annotations

import argparse

import numpy as np
import pytest

from benchmarks import ranking_speed_measured
from benchmarks.ranking_speed_measured import BARE, PATHS, _timed, in_rounds, measured
from benchmarks.ranking_speed_models import Size


def test_every_other_round_goes_backwards() -> None:
    asked: list[str] = []
    calls = {name: lambda i, name=name: asked.append(f"{name}{i}") for name in "ab"}
    seconds = in_rounds(calls, requests=2, rounds=2)
    assert asked[2:] == ["b0", "b1", "a0", "a1", "a0", "a1", "b0", "b1"]
    assert seconds["a"].shape == (2, 2)


def test_a_ratio_is_the_median_over_rounds_so_that_one_bad_round_counts_for_nothing() -> None:
    timed = _timed(np.array([[2.0, 2.0], [2.0, 2.0], [90.0, 90.0]]), np.ones((3, 2)))
    assert timed.ratio == 2
    assert timed.p50_ms == 2_000


def test_everything_is_measured_beside_the_bare_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_speed_measured, "WHOLE", Size(4, 5, 0.1))
    monkeypatch.setattr(ranking_speed_measured, "SMALLER", (Size(2, 3, 0.1),))
    monkeypatch.setattr(ranking_speed_measured, "SIZES", (1, 30))
    told = measured(argparse.Namespace(items=600, visits=4, models=1, rounds=1, seed=1))
    assert [model.name for model in told.models] == ["4 trees x 5 leaves", "2 trees x 3 leaves"]
    assert max(model.largest_difference for model in told.models) < 1e-5
    assert list(told.at) == [1, 30]
    assert {BARE, *PATHS} < set(told.at[30])
