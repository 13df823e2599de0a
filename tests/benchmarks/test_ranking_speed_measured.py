from __future__ import annotations

import argparse

import pytest

from benchmarks import ranking_speed_early, ranking_speed_measured
from benchmarks.ranking_speed_measured import measured
from benchmarks.ranking_speed_models import Size
from benchmarks.ranking_speed_paths import BARE, PATHS


def test_everything_is_measured_beside_the_bare_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_speed_measured, "WHOLE", Size(4, 5, 0.1))
    monkeypatch.setattr(ranking_speed_measured, "SMALLER", (Size(2, 3, 0.1),))
    monkeypatch.setattr(ranking_speed_measured, "SIZES", (1, 30))
    monkeypatch.setattr(ranking_speed_measured, "EARLY_SIZES", (60,))
    monkeypatch.setattr(ranking_speed_early, "KEPT", (20,))
    told = measured(argparse.Namespace(items=600, visits=4, models=1, rounds=1, pages=2, seed=1))
    assert [model.name for model in told.models] == ["4 trees x 5 leaves", "2 trees x 3 leaves"]
    assert max(model.largest_difference for model in told.models) < 1e-5
    assert all(model.contributions_p50_ms > 0 for model in told.models)
    assert list(told.at) == [1, 30]
    assert {BARE, *PATHS} < set(told.at[30])
    assert {one.ranker for one in told.early} == {"4 trees x 5 leaves", told.smaller}
    assert told.diversity[0].ndcg_lost == 0
