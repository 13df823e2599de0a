"""python -m benchmarks.ranking_speed_measured OPTIONS: the measuring, in a process of its own that has one thread.

Its last line is what was measured, as JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

import lightgbm as lgb
import numpy as np

from benchmarks.ranking_speed_models import SMALLER, WHOLE, Trained, cheapest_equal
from benchmarks.ranking_speed_world import Judged, World
from benchmarks.report import progress
from ranking.caps import cap_keys_of
from ranking.exploration import Outside
from ranking.features import build_features
from ranking.order import Order
from ranking.request import RankingRequest
from ranking.slate import make_slate
from ranking.slate_config import ScoredCandidates

VISIT_CANDIDATES = 100
SIZES = (100, 300, 1_000)
TOLD_AT = 300
"""Candidates at which models are compared."""

FEATURES_AT = 500
REQUESTS = 20

BARE, COMPILED = "bare predict", "compiled"
LIGHTGBM, ONNX, SMALL_ONNX = "LightGBM", "ONNX Runtime", "smaller, ONNX Runtime"
PATHS = (LIGHTGBM, ONNX, SMALL_ONNX)

Call = Callable[[int], object]
Name = TypeVar("Name")


@dataclass(frozen=True)
class Timed:
    """Milliseconds of one call. ratio: to bare predict, the median over rounds; None where there is none."""

    p50_ms: float
    p99_ms: float
    ratio: float | None


@dataclass(frozen=True)
class ModelMeasured:
    """ndcg_difference: mean, low and high of NDCG less the whole model's.  p50_ms: of `TOLD_AT` candidates; None where
    nothing could be compiled.  largest_difference: of ONNX Runtime's scores from LightGBM's, on later visits."""

    name: str
    ndcg: float
    ndcg_difference: tuple[float, float, float]
    lightgbm_p50_ms: float
    onnx_p50_ms: float
    compiled_p50_ms: float | None
    largest_difference: float


@dataclass(frozen=True)
class Measured:
    """at: by number of candidates, what takes how long: `BARE`, features + score + slate along each of `PATHS`, and
    the parts. one_row_ms: what LightGBM's predict takes for a single row, so at most what its Python layer costs."""

    features: int
    models: list[ModelMeasured]
    smaller: str
    at: dict[int, dict[str, Timed]]
    features_at_500: Timed
    one_row_ms: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--visits", type=int, required=True)
    parser.add_argument("--models", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
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
        candidates: _paths(models[0], smaller, world, candidates=candidates, rounds=arguments.rounds, rng=rng)
        for candidates in SIZES
    }
    return Measured(
        features=len(world.feature_set),
        models=compared,
        smaller=str(smaller.size),
        at=at,
        features_at_500=_features_alone(world, arguments.rounds, rng),
        one_row_ms=_one_row_ms(models[0], later),
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
    rows = later.rows()[0]
    told = []
    for place, model in enumerate(models):
        difference = model.less_than(models[0])
        told.append(
            ModelMeasured(
                name=str(model.size),
                ndcg=float(np.nanmean(model.ndcg)),
                ndcg_difference=(difference.mean, difference.low, difference.high),
                lightgbm_p50_ms=_timed(seconds[place, LIGHTGBM]).p50_ms,
                onnx_p50_ms=_timed(seconds[place, ONNX]).p50_ms,
                compiled_p50_ms=None if model.compiled is None else _timed(seconds[place, COMPILED]).p50_ms,
                largest_difference=float(np.abs(model.boosted.scores(rows) - model.onnx.scores(rows)).max()),
            )
        )
    return told


def _paths(
    whole: Trained, smaller: Trained, world: World, *, candidates: int, rounds: int, rng: np.random.Generator
) -> dict[str, Timed]:
    """Everything that one request takes, beside an unmodified booster on a matrix that is there already."""
    progress(f"timing {candidates:,} candidates")
    requests = [world.request(candidates, rng) for _ in range(REQUESTS)]
    matrices = [build_features(request, world.items, world.feature_set) for request in requests]
    booster = lgb.Booster(model_str=whole.boosted.model.text)
    outside = Outside(
        world.items.table.item_ids, cap_keys_of(world.items.table, world.items.table.item_ids), "all items"
    )
    scores = [whole.onnx.scores(matrix) for matrix in matrices]
    calls: dict[str, Call] = {
        BARE: lambda i: booster.predict(matrices[i], num_threads=1),
        LIGHTGBM: lambda i: _request(requests[i], world, whole.boosted, outside, i),
        ONNX: lambda i: _request(requests[i], world, whole.onnx, outside, i),
        SMALL_ONNX: lambda i: _request(requests[i], world, smaller.onnx, outside, i),
        "features": lambda i: build_features(requests[i], world.items, world.feature_set),
        "score, LightGBM": lambda i: whole.boosted.scores(matrices[i]),
        "score, ONNX Runtime": lambda i: whole.onnx.scores(matrices[i]),
        "score, smaller, ONNX Runtime": lambda i: smaller.onnx.scores(matrices[i]),
        "slate": lambda i: _slate(requests[i], scores[i], world, outside, i),
    }
    seconds = in_rounds(calls, REQUESTS, rounds)
    return {name: _timed(one, seconds[BARE]) for name, one in seconds.items()}


def _scoring(order: Order, matrices: Sequence[np.ndarray]) -> Call:
    return lambda i: order.scores(matrices[i])


def _compiled(scores: Callable[[np.ndarray], np.ndarray], matrices: Sequence[np.ndarray]) -> Call:
    return lambda i: scores(matrices[i])


def _request(request: RankingRequest, world: World, order: Order, outside: Outside, seed: int) -> object:
    features = build_features(request, world.items, world.feature_set)
    return _slate(request, order.scores(features), world, outside, seed)


def _slate(request: RankingRequest, scores: np.ndarray, world: World, outside: Outside, seed: int) -> object:
    item_ids = request.candidates.item_ids
    candidates = ScoredCandidates(item_ids, scores, cap_keys_of(world.items.table, item_ids))
    return make_slate(candidates, seed=seed, outside=outside)


def _features_alone(world: World, rounds: int, rng: np.random.Generator) -> Timed:
    requests = [world.request(FEATURES_AT, rng) for _ in range(REQUESTS)]
    calls: dict[str, Call] = {"features": lambda i: build_features(requests[i], world.items, world.feature_set)}
    return _timed(in_rounds(calls, REQUESTS, rounds)["features"])


def _one_row_ms(model: Trained, later: Judged) -> float:
    rows = later.features[:, :1]  # (visits, 1, F)
    calls: dict[str, Call] = {LIGHTGBM: lambda i: model.boosted.scores(rows[i % len(rows)])}
    return _timed(in_rounds(calls, REQUESTS, 3)[LIGHTGBM]).p50_ms


def in_rounds(calls: Mapping[Name, Call], requests: int, rounds: int) -> dict[Name, np.ndarray]:
    """Seconds of each call, (rounds, requests). What is compared takes turns, every other round backwards, for the
    machine has other work too. Before the first round each is called once, for what is done once."""
    for call in calls.values():
        call(0)
    seconds = {name: np.empty((rounds, requests)) for name in calls}
    for number in range(rounds):
        for name in list(calls) if number % 2 else reversed(list(calls)):
            for i in range(requests):
                begun = time.perf_counter()
                calls[name](i)
                seconds[name][number, i] = time.perf_counter() - begun
    return seconds


def _timed(seconds: np.ndarray, bare: np.ndarray | None = None) -> Timed:
    ratio = None if bare is None else float(np.median(np.median(seconds, axis=1) / np.median(bare, axis=1)))
    return Timed(float(np.median(seconds)) * 1e3, float(np.quantile(seconds, 0.99)) * 1e3, ratio)


if __name__ == "__main__":
    main()
