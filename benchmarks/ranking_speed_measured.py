"""python -m benchmarks.ranking_speed_measured OPTIONS: the measuring, in a process of its own that has one thread.

Its last line is what was measured, as JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.ranking_speed_diversity import DiversityMeasured, diversity_measured
from benchmarks.ranking_speed_early import EarlyMeasured, early_measured
from benchmarks.ranking_speed_models import SMALLER, WHOLE, Trained, cheapest_equal
from benchmarks.ranking_speed_paths import LIGHTGBM, ONNX, REQUESTS, Desk, paths
from benchmarks.ranking_speed_timing import Call, Timed, in_rounds, timed
from benchmarks.ranking_speed_world import Judged, World
from benchmarks.report import progress
from ranking.features import build_features
from ranking.order import Order

VISIT_CANDIDATES = 100
SIZES = (100, 300, 1_000)
EARLY_SIZES = (1_000, 3_000)
TOLD_AT = 300
"""Candidates at which models, and ways to make a page diverse, are compared."""

FEATURES_AT = 500
PAGE = 24

COMPILED = "compiled"
_CONTRIBUTIONS_REQUESTS, _CONTRIBUTIONS_ROUNDS = 3, 3


@dataclass(frozen=True)
class ModelMeasured:
    """ndcg_difference: mean, low and high of NDCG less the whole model's.  p50_ms: of `TOLD_AT` candidates; None where
    nothing could be compiled.  largest_difference: of ONNX Runtime's scores from LightGBM's, on later visits.
    contributions_p50_ms: of the items of one page, which LightGBM alone can tell."""

    name: str
    ndcg: float
    ndcg_difference: tuple[float, float, float]
    lightgbm_p50_ms: float
    onnx_p50_ms: float
    compiled_p50_ms: float | None
    largest_difference: float
    contributions_p50_ms: float


@dataclass(frozen=True)
class Measured:
    """at: by number of candidates, what takes how long: bare prediction, features + score + slate along each path, and
    the parts. one_row_ms: what LightGBM's predict takes for a single row, so at most what its Python layer costs.
    early: for the whole and for the smaller ranker.  diversity: of the whole one's pages."""

    features: int
    models: list[ModelMeasured]
    smaller: str
    at: dict[int, dict[str, Timed]]
    features_at_500: Timed
    one_row_ms: float
    early: list[EarlyMeasured]
    diversity: list[DiversityMeasured]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--visits", type=int, required=True)
    parser.add_argument("--models", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--pages", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    print(json.dumps(asdict(measured(parser.parse_args()))))


def measured(arguments: argparse.Namespace) -> Measured:
    rng = np.random.default_rng(arguments.seed)
    world = World.drawn(arguments.items, rng)
    progress(f"drawing {arguments.visits:,} visits, and half as many later ones")
    visits = Judged.drawn(world, arguments.visits, VISIT_CANDIDATES, rng)
    later = Judged.drawn(world, max(1, arguments.visits // 2), VISIT_CANDIDATES, rng)
    sizes = (WHOLE, *SMALLER[: arguments.models])
    models = [Trained.on(visits, later, world, size, arguments.seed) for size in sizes]
    compared = _models(models, later, world, arguments.rounds, rng)
    smaller = cheapest_equal(models, models[0], [model.onnx_p50_ms for model in compared])
    at = {
        candidates: paths(models[0], smaller, world, candidates=candidates, rounds=arguments.rounds, rng=rng)
        for candidates in SIZES
    }
    features_at_500, one_row_ms = _features_alone(world, arguments.rounds, rng), _one_row_ms(models[0], later)
    desk = Desk.of(world)
    early: list[EarlyMeasured] = []
    for candidates in EARLY_SIZES:
        progress(f"drawing {arguments.pages:,} visits of {candidates:,} candidates")
        judged = Judged.drawn(world, arguments.pages, candidates, rng)
        for ranker in dict.fromkeys((models[0], smaller)):
            early += early_measured(ranker, judged, desk, arguments.rounds)
    pages = Judged.drawn(world, 2 * arguments.pages, TOLD_AT, rng)
    return Measured(
        features=len(world.feature_set),
        models=compared,
        smaller=str(smaller.size),
        at=at,
        features_at_500=features_at_500,
        one_row_ms=one_row_ms,
        early=early,
        diversity=diversity_measured(models[0], pages, desk, arguments.rounds),
    )


def _models(
    models: Sequence[Trained], later: Judged, world: World, rounds: int, rng: np.random.Generator
) -> list[ModelMeasured]:
    matrices = [build_features(world.request(TOLD_AT, rng), world.items, world.feature_set) for _ in range(REQUESTS)]
    calls: dict[tuple[int, str], Call] = {}
    for place, model in enumerate(models):
        calls[place, LIGHTGBM] = _scoring(model.boosted, matrices)
        calls[place, ONNX] = _scoring(model.onnx, matrices)
        if model.compiled is not None:
            calls[place, COMPILED] = _compiled(model.compiled, matrices)
    progress("timing the models")
    seconds = in_rounds(calls, REQUESTS, rounds)
    pages = [matrix[:PAGE] for matrix in matrices[:_CONTRIBUTIONS_REQUESTS]]
    rows = later.rows()[0]
    told = []
    for place, model in enumerate(models):
        difference = model.less_than(models[0])
        told.append(
            ModelMeasured(
                name=str(model.size),
                ndcg=float(np.nanmean(model.ndcg)),
                ndcg_difference=(difference.mean, difference.low, difference.high),
                lightgbm_p50_ms=timed(seconds[place, LIGHTGBM]).p50_ms,
                onnx_p50_ms=timed(seconds[place, ONNX]).p50_ms,
                compiled_p50_ms=None if model.compiled is None else timed(seconds[place, COMPILED]).p50_ms,
                largest_difference=float(np.abs(model.boosted.scores(rows) - model.onnx.scores(rows)).max()),
                contributions_p50_ms=_contributions_ms(model, pages),
            )
        )
    return told


def _contributions_ms(model: Trained, pages: Sequence[np.ndarray]) -> float:
    calls: dict[str, Call] = {LIGHTGBM: lambda i: model.boosted.contributions(pages[i])}
    return timed(in_rounds(calls, len(pages), _CONTRIBUTIONS_ROUNDS)[LIGHTGBM]).p50_ms


def _scoring(order: Order, matrices: Sequence[np.ndarray]) -> Call:
    return lambda i: order.scores(matrices[i])


def _compiled(scores: Callable[[np.ndarray], np.ndarray], matrices: Sequence[np.ndarray]) -> Call:
    return lambda i: scores(matrices[i])


def _features_alone(world: World, rounds: int, rng: np.random.Generator) -> Timed:
    requests = [world.request(FEATURES_AT, rng) for _ in range(REQUESTS)]
    calls: dict[str, Call] = {"features": lambda i: build_features(requests[i], world.items, world.feature_set)}
    return timed(in_rounds(calls, REQUESTS, rounds)["features"])


def _one_row_ms(model: Trained, later: Judged) -> float:
    rows = later.features[:, :1]  # (visits, 1, F)
    calls: dict[str, Call] = {LIGHTGBM: lambda i: model.boosted.scores(rows[i % len(rows)])}
    return timed(in_rounds(calls, REQUESTS, 3)[LIGHTGBM]).p50_ms


if __name__ == "__main__":
    main()
