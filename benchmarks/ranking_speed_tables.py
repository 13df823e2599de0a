"""What was measured of ranking's speed, as rows of one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.ranking_speed_measured import PAGE, TOLD_AT
from benchmarks.ranking_speed_models import NDCG_AT
from benchmarks.ranking_speed_paths import BARE, LIGHTGBM, ONNX, SMALL_ONNX

Measured = dict[str, Any]
"""`benchmarks.ranking_speed_measured.Measured` as JSON."""

Row = Sequence[str]


def table(measured: Measured, import_mb: Mapping[str, float | None]) -> list[Row]:
    return [
        *_paths(measured),
        *_models(measured["models"]),
        *_early(measured["early"]),
        *_diversity(measured["diversity"]),
        *[(f"importing {modules}", "", "", "", f"{mb} MiB") for modules, mb in import_mb.items() if mb is not None],
    ]


def _paths(measured: Measured) -> list[Row]:
    rows: list[Row] = [("candidates, what", "p50 ms", "p99 ms", "of bare", "")]
    names = {
        LIGHTGBM: "whole path, LightGBM",
        ONNX: "whole path, ONNX Runtime",
        SMALL_ONNX: f"whole path, {measured['smaller']}, ONNX Runtime",
    }
    for candidates, timed in measured["at"].items():
        for name, one in timed.items():
            ratio = "" if name == BARE else f"{one['ratio']:.3f}"
            what = f"{candidates}, {names.get(name, name)}"
            rows.append((what, f"{one['p50_ms']:.3f}", f"{one['p99_ms']:.3f}", ratio, ""))
    features = measured["features_at_500"]
    rows.append(("500, features", f"{features['p50_ms']:.3f}", f"{features['p99_ms']:.3f}", "", ""))
    rows.append(("1, LightGBM's predict", f"{measured['one_row_ms']:.3f}", "", "", ""))
    return rows


def _models(models: Sequence[Measured]) -> list[Row]:
    rows: list[Row] = [
        (f"model, {TOLD_AT} candidates", "LightGBM ms", "ONNX ms", "compiled ms", f"contributions of {PAGE}, ms")
    ]
    for model in models:
        compiled = model["compiled_p50_ms"]
        rows.append(
            (
                model["name"],
                f"{model['lightgbm_p50_ms']:.3f}",
                f"{model['onnx_p50_ms']:.3f}",
                "" if compiled is None else f"{compiled:.3f}",
                f"{model['contributions_p50_ms']:.1f}",
            )
        )
    rows.append((f"model, NDCG@{NDCG_AT}", "", "", "", "NDCG, less the first"))
    rows += [(model["name"], "", "", "", _ndcg_and_difference(model)) for model in models]
    return rows


def _early(early: Sequence[Measured]) -> list[Row]:
    rows: list[Row] = [("first pass", "p50 ms", "of none", f"top {NDCG_AT} kept", f"NDCG@{NDCG_AT}, less none")]
    for one in early:
        what = f"{one['ranker']}, {one['candidates']:,} to {one['kept']:,}, {one['by']}"
        kept = f"{one['surviving_share']:.3f}"
        rows.append((what, f"{one['p50_ms']:.3f}", f"{one['ratio']:.3f}", kept, _ndcg_and_difference(one)))
    return rows


def _diversity(diversity: Sequence[Measured]) -> list[Row]:
    rows: list[Row] = [("diversity", "slate ms", "distance, gained", "NDCG lost", f"NDCG@{NDCG_AT}, less plain")]
    for one in diversity:
        distance = f"{one['distance']:.3f} {one['distance_gained']:+.3f}"
        lost = f"{one['ndcg_lost']:.1%}"
        rows.append((one["diversity"], f"{one['slate_p50_ms']:.3f}", distance, lost, _ndcg_and_difference(one)))
    return rows


def _ndcg_and_difference(one: Measured) -> str:
    mean, low, high = one["ndcg_difference"]
    return f"{one['ndcg']:.4f} {mean:+.4f} ({low:+.4f} to {high:+.4f})"
