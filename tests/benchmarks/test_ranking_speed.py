from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.ranking_speed import _import_mb, report
from benchmarks.ranking_speed_paths import BARE, PATHS


def measured(ratio: float, features_ms: float, difference: float) -> dict[str, Any]:
    timed = {"p50_ms": 1.0, "p99_ms": 2.0, "ratio": ratio}
    model = {
        "name": "300 trees x 63 leaves",
        "ndcg": 0.5,
        "ndcg_difference": [0.0, -0.01, 0.01],
        "lightgbm_p50_ms": 3.0,
        "onnx_p50_ms": 2.0,
        "compiled_p50_ms": None,
        "largest_difference": difference,
        "contributions_p50_ms": 571.0,
    }
    early = {
        "ranker": "100 trees x 31 leaves",
        "candidates": 1_000,
        "kept": 300,
        "by": "first 5 trees",
        "surviving_share": 0.97,
        "ndcg": 0.61,
        "ndcg_difference": [-0.01, -0.02, 0.0],
        "p50_ms": 6.0,
        "ratio": 0.75,
    }
    diverse = {
        "diversity": "MMR, relevance 0.8",
        "ndcg": 0.57,
        "ndcg_lost": 0.05,
        "ndcg_difference": [-0.03, -0.04, -0.02],
        "distance": 0.9,
        "distance_gained": 0.1,
        "slate_p50_ms": 0.4,
    }
    return {
        "features": 55,
        "models": [model],
        "smaller": "100 trees x 31 leaves",
        "at": {"300": dict.fromkeys((BARE, *PATHS), timed)},
        "features_at_500": {**timed, "p50_ms": features_ms},
        "one_row_ms": 0.05,
        "early": [early],
        "diversity": [diverse],
    }


def test_goals_are_met_when_little_is_added_to_the_bare_prediction() -> None:
    told = report(measured(1.2, 1.5, 1e-6), {"lightgbm": 30.0}, {"items": 5}, seed=1)
    assert told.met
    assert "importing lightgbm" in told.text()
    assert json.loads(told.json_line())["results"]["items"] == 5


@pytest.mark.parametrize("missed", [(1.5, 1.5, 1e-6), (1.2, 2.1, 1e-6), (1.2, 1.5, 1e-3)])
def test_each_goal_can_be_missed(missed: tuple[float, float, float]) -> None:
    assert not report(measured(*missed), {}, {}, seed=1).met


def test_an_import_takes_memory() -> None:
    megabytes = _import_mb("onnxruntime")
    assert megabytes is None or megabytes > 1
