"""What one request takes along each path: features, scores and slate, beside bare prediction on the same matrix."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from benchmarks.ranking_speed_models import Trained
from benchmarks.ranking_speed_timing import Call, Timed, in_rounds, timed
from benchmarks.ranking_speed_world import World
from benchmarks.report import progress
from ranking.caps import cap_keys_of
from ranking.exploration import Outside
from ranking.features import build_features
from ranking.order import Order
from ranking.request import RankingRequest
from ranking.slate import Slate, make_slate
from ranking.slate_config import ScoredCandidates

REQUESTS = 20

BARE = "bare predict"
LIGHTGBM, ONNX, SMALL_ONNX = "LightGBM", "ONNX Runtime", "smaller, ONNX Runtime"
PATHS = (LIGHTGBM, ONNX, SMALL_ONNX)


@dataclass(frozen=True, eq=False)
class Desk:
    """Where slates of a world are made, with exploration and with items from outside."""

    world: World
    outside: Outside

    @classmethod
    def of(cls, world: World) -> Desk:
        table = world.items.table
        return cls(world, Outside(table.item_ids, cap_keys_of(table, table.item_ids), "all items"))

    def features(self, request: RankingRequest) -> np.ndarray:
        return build_features(request, self.world.items, self.world.feature_set)

    def slate(self, item_ids: np.ndarray, scores: np.ndarray, seed: int) -> Slate:
        candidates = ScoredCandidates(item_ids, scores, cap_keys_of(self.world.items.table, item_ids))
        return make_slate(candidates, seed=seed, outside=self.outside)

    def whole_path(self, request: RankingRequest, order: Order, seed: int) -> Slate:
        return self.slate(request.candidates.item_ids, order.scores(self.features(request)), seed)


def paths(
    whole: Trained, smaller: Trained, world: World, *, candidates: int, rounds: int, rng: np.random.Generator
) -> dict[str, Timed]:
    """Everything that one request takes, beside an unmodified booster on a matrix that is there already."""
    progress(f"timing {candidates:,} candidates")
    desk = Desk.of(world)
    requests = [world.request(candidates, rng) for _ in range(REQUESTS)]
    matrices = [desk.features(request) for request in requests]
    booster = lgb.Booster(model_str=whole.boosted.model.text)
    scores = [whole.onnx.scores(matrix) for matrix in matrices]
    calls: dict[str, Call] = {
        BARE: lambda i: booster.predict(matrices[i], num_threads=1),
        LIGHTGBM: lambda i: desk.whole_path(requests[i], whole.boosted, i),
        ONNX: lambda i: desk.whole_path(requests[i], whole.onnx, i),
        SMALL_ONNX: lambda i: desk.whole_path(requests[i], smaller.onnx, i),
        "features": lambda i: desk.features(requests[i]),
        "score, LightGBM": lambda i: whole.boosted.scores(matrices[i]),
        "score, ONNX Runtime": lambda i: whole.onnx.scores(matrices[i]),
        "score, smaller, ONNX Runtime": lambda i: smaller.onnx.scores(matrices[i]),
        "slate": lambda i: desk.slate(requests[i].candidates.item_ids, scores[i], i),
    }
    seconds = in_rounds(calls, REQUESTS, rounds)
    return {name: timed(one, seconds[BARE]) for name, one in seconds.items()}
