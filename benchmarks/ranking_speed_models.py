"""Rankers of several sizes, trained on the same made-up visits: what a smaller one loses, and what it saves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import lightgbm as lgb
import numpy as np

from benchmarks.ranking_speed_compiled import compiled_trees
from benchmarks.ranking_speed_world import Judged, World, gains
from benchmarks.report import progress
from ranking.boosting import TreeModel
from ranking.metrics import ndcg_at_k
from ranking.onnx_order import OnnxOrder
from ranking.onnx_trees import trees_as_onnx
from ranking.order import BoostedOrder
from retrieval.metrics import Interval, paired_bootstrap

NDCG_AT = 24
EQUAL = -0.005
"""A model counts as equally good when the interval of its NDCG less the whole model's begins above this."""


@dataclass(frozen=True)
class Size:
    trees: int
    leaves: int
    learning_rate: float

    def __str__(self) -> str:
        return f"{self.trees} trees x {self.leaves} leaves"


WHOLE = Size(300, 63, 0.05)
SMALLER = (
    Size(300, 31, 0.05),
    Size(300, 15, 0.05),
    Size(150, 63, 0.1),
    Size(150, 31, 0.1),
    Size(150, 15, 0.1),
    Size(100, 31, 0.15),
    Size(100, 15, 0.15),
    Size(50, 31, 0.2),
)


@dataclass(frozen=True, eq=False)
class Trained:
    """One ranker, asked of LightGBM, of ONNX Runtime, and compiled. ndcg: (later visits,).

    compiled: scores of (n, columns); None on a machine without a C compiler.
    """

    size: Size
    boosted: BoostedOrder
    onnx: OnnxOrder
    compiled: Callable[[np.ndarray], np.ndarray] | None
    ndcg: np.ndarray

    @classmethod
    def on(cls, visits: Judged, later: Judged, world: World, size: Size, seed: int) -> Trained:
        progress(f"training {size}")
        features, grades, visit_sizes = visits.rows()
        names = world.feature_set.names
        data = lgb.Dataset(
            features,
            grades,
            group=visit_sizes,
            feature_name=list(names),
            categorical_feature=[names.index(name) for name in world.feature_set.categorical],
        )
        booster = lgb.train(
            {
                "objective": "lambdarank",
                "num_leaves": size.leaves,
                "learning_rate": size.learning_rate,
                "seed": seed,
                "num_threads": 1,
                "deterministic": True,
                "force_row_wise": True,
                "verbosity": -1,
            },
            data,
            size.trees,
        )
        boosted = BoostedOrder(world.feature_set, TreeModel(booster.model_to_string()))
        text = boosted.model.text
        with TemporaryDirectory() as folder:
            compiled = compiled_trees(text, Path(folder))
        return cls(size, boosted, OnnxOrder(boosted, trees_as_onnx(text)), compiled, _ndcg(boosted, later))

    def less_than(self, whole: Trained) -> Interval:
        """NDCG of this less the whole model's, on the same visits."""
        return paired_bootstrap(self.ndcg[None], whole.ndcg[None], seed=0)


def cheapest_equal(models: Sequence[Trained], whole: Trained, p50_ms: Sequence[float]) -> Trained:
    """Of those that count as equally good, the one that answers soonest; the whole model if there is no other."""
    equal = [
        (ms, place)
        for place, (model, ms) in enumerate(zip(models, p50_ms, strict=True))
        if model is whole or model.less_than(whole).low > EQUAL
    ]
    return models[min(equal)[1]]


def _ndcg(order: BoostedOrder, visits: Judged) -> np.ndarray:
    features, grades, visit_sizes = visits.rows()
    return ndcg_at_k(order.scores(features), gains(grades), visit_sizes, NDCG_AT)
