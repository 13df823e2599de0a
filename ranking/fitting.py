"""Growing trees with LightGBM, the same ones each time, until more of them do not help on later visits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np

from ranking.boosting import TreeModel
from ranking.features import FeatureSet

_QUIET = {"verbosity": -1}


@dataclass(frozen=True, eq=False)
class Judge:
    """features: (n, columns) float32 of later visits.  goodness: of their (n,) scores, the higher the better; scores
    are as the objective gives them out: raw for lambdarank, probabilities for binary.
    patience: trees to go on without a better one."""

    features: np.ndarray
    goodness: Callable[[np.ndarray], float]
    patience: int


def grow(
    data: lgb.Dataset,
    parameters: Mapping[str, Any],
    num_trees: int,
    *,
    seed: int,
    num_threads: int,
    judge: Judge | None,
) -> TreeModel:
    """The model with the number of trees that the judge liked best, or all `num_trees` without one.

    One number of threads and one seed give the same model to the byte.
    """
    fixed = {
        **_QUIET,
        "metric": "None",
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "num_threads": num_threads,
    }
    if judge is None:
        return _text(lgb.train({**parameters, **fixed}, data, num_trees))
    booster = lgb.train(
        {**parameters, **fixed},
        data,
        num_trees,
        valid_sets=[lgb.Dataset(judge.features, reference=data)],
        feval=lambda scores, _: ("goodness", judge.goodness(scores), True),
        callbacks=[lgb.early_stopping(judge.patience, verbose=False)],
    )
    return _text(booster, booster.best_iteration)


def dataset(features: np.ndarray, names: tuple[str, ...], feature_set: FeatureSet, **columns: Any) -> lgb.Dataset:
    """names: of all columns, those of the feature set among them, whose categories stay categories.
    columns: label, group, position, as LightGBM takes them."""
    return lgb.Dataset(
        features, feature_name=list(names), categorical_feature=list(feature_set.categorical), params=_QUIET, **columns
    )


def _text(booster: lgb.Booster, num_trees: int | None = None) -> TreeModel:
    return TreeModel(booster.model_to_string(num_iteration=num_trees))
