from __future__ import annotations

from typing import Any

import lightgbm as lgb
import numpy as np
import onnxruntime as ort
import pytest

from ranking.onnx_trees import INPUT, trees_as_onnx

FEW_TREES: dict[str, Any] = {
    "objective": "regression",
    "num_leaves": 12,
    "min_data_in_leaf": 5,
    "min_data_per_group": 5,
    "cat_smooth": 1,
    "max_cat_to_onehot": 1,
    "verbosity": -1,
    "num_threads": 1,
    "seed": 1,
}


def trained(features: np.ndarray, labels: np.ndarray, categories: list[int], **parameters: Any) -> lgb.Booster:
    data = lgb.Dataset(features, labels, categorical_feature=categories)
    return lgb.train({**FEW_TREES, **parameters}, data, parameters.get("trees", 20))


def asked_of_onnx(booster: lgb.Booster, features: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(trees_as_onnx(booster.model_to_string()), providers=["CPUExecutionProvider"])
    return session.run(None, {INPUT: features})[0][:, 0]


def table(rng: np.random.Generator, rows: int = 2_000) -> np.ndarray:
    """Two columns of categories, up to 40, then two of numbers; some missing, some of few values."""
    features = np.column_stack(
        [rng.integers(0, 40, rows), rng.integers(0, 7, rows), rng.normal(size=rows), rng.normal(size=rows).round(1)]
    ).astype(np.float32)
    features[rng.random(features.shape) < 0.1] = np.nan
    return features


def labels_of(features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What is missing matters, in each direction; so do sets of categories beyond the first 32."""
    odd = np.isin(features[:, 0], [1, 4, 33, 39]) * 2.0 + np.isin(features[:, 1], [2, 6])
    numbers = np.nan_to_num(features[:, 2], nan=2.0) + (np.nan_to_num(features[:, 3], nan=-1.0) > 0)
    return odd + numbers + rng.normal(0, 0.1, len(features))


@pytest.mark.parametrize("seed", range(3))
def test_every_row_falls_into_the_leaf_into_which_lightgbm_sends_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features = table(rng)
    booster = trained(features, labels_of(features, rng), [0, 1])
    unseen = table(rng)
    unseen[:20, 0], unseen[20:40, 1], unseen[40:60, 0] = 99, -3, 2.0**20
    np.testing.assert_allclose(asked_of_onnx(booster, unseen), booster.predict(unseen), rtol=1e-5, atol=1e-5)


def test_a_value_on_the_edge_of_a_split_falls_on_the_same_side() -> None:
    """Thresholds are doubles between two values; as floats they must not move past either."""
    values = np.float32(1) + np.arange(200, dtype=np.float32) * np.finfo(np.float32).eps
    booster = trained(values[:, None], np.arange(200.0), [], learning_rate=1.0, num_leaves=60)
    np.testing.assert_allclose(asked_of_onnx(booster, values[:, None]), booster.predict(values[:, None]), rtol=1e-6)


def test_what_was_never_missing_in_training_is_read_as_zero_when_it_is() -> None:
    values = np.linspace(-3, 3, 300, dtype=np.float32)[:, None]
    booster = trained(values, np.sin(values[:, 0]), [])
    missing = np.array([[np.nan], [0]], np.float32)
    scores = asked_of_onnx(booster, missing)
    assert scores[0] == scores[1] == pytest.approx(booster.predict(missing)[0], abs=1e-5)


def test_a_model_that_learned_nothing_gives_its_constant() -> None:
    booster = trained(np.ones((50, 2)), np.full(50, 3.0), [])
    np.testing.assert_allclose(asked_of_onnx(booster, np.zeros((2, 2), np.float32)), [3, 3])


def test_trees_without_a_split_among_others_keep_their_place() -> None:
    features = np.array([[0], [1]] * 20, np.float32)
    booster = trained(features, features[:, 0], [], learning_rate=1.0, min_data_in_leaf=1, trees=1)
    text = booster.model_to_string()
    with_constant = text.replace("\nend of trees", "\nTree=1\nnum_leaves=1\nleaf_value=10\n\n\nend of trees")
    session = ort.InferenceSession(trees_as_onnx(with_constant), providers=["CPUExecutionProvider"])
    found = session.run(None, {INPUT: features[:2]})[0][:, 0]
    np.testing.assert_allclose(found, np.asarray(booster.predict(features[:2])) + 10)


def test_any_number_of_rows_is_answered() -> None:
    rng = np.random.default_rng(0)
    features = table(rng)
    booster = trained(features, labels_of(features, rng), [0, 1])
    assert len(asked_of_onnx(booster, features[:1])) == 1
    assert len(asked_of_onnx(booster, features[:700])) == 700
