from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from ranking.boosting import TreeModel
from ranking.features import FeatureSet
from ranking.onnx_order import OnnxOrder
from ranking.onnx_trees import trees_as_onnx
from ranking.order import BoostedOrder, best_first

FEATURE_SET = FeatureSet.of(["near"])


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(400, len(FEATURE_SET))).astype(np.float32)
    features[:, [FEATURE_SET.names.index(name) for name in FEATURE_SET.categorical]] = rng.integers(0, 4, (400, 2))
    return features


@pytest.fixture(scope="module")
def order(features: np.ndarray) -> OnnxOrder:
    data = lgb.Dataset(
        features,
        (features[:, 0] > 0).astype(int),
        group=[20] * 20,
        feature_name=list(FEATURE_SET.names),
        categorical_feature=list(FEATURE_SET.categorical),
    )
    booster = lgb.train({"objective": "lambdarank", "num_leaves": 7, "verbosity": -1, "num_threads": 1}, data, 20)
    text = booster.model_to_string()
    return OnnxOrder(BoostedOrder(FEATURE_SET, TreeModel(text)), trees_as_onnx(text))


def test_it_is_the_order_of_lightgbm(order: OnnxOrder, features: np.ndarray) -> None:
    scores = order.scores(features)
    np.testing.assert_allclose(scores, order.boosted.scores(features), atol=1e-5)
    assert scores.dtype == np.float32
    unequal = np.unique(order.boosted.scores(features).round(4), return_index=True)[1]
    np.testing.assert_array_equal(best_first(scores[unequal]), best_first(order.boosted.scores(features[unequal])))


def test_contributions_sum_to_the_scores(order: OnnxOrder, features: np.ndarray) -> None:
    np.testing.assert_allclose(order.contributions(features[:50]).sum(axis=1), order.scores(features[:50]), atol=1e-5)


@pytest.mark.parametrize("rows", [0, 1])
def test_few_candidates_have_as_many_scores(order: OnnxOrder, features: np.ndarray, rows: int) -> None:
    assert order.scores(features[:rows]).shape == (rows,)


def test_equal_candidates_have_equal_scores(order: OnnxOrder, features: np.ndarray) -> None:
    assert len(set(order.scores(features[[3] * 300]).tolist())) == 1


def test_features_of_another_width_are_refused(order: OnnxOrder) -> None:
    with pytest.raises(ValueError, match="features is"):
        order.scores(np.zeros((2, 3), np.float32))


@pytest.mark.parametrize("trees", [b"", b"Dear diary"])
def test_what_onnx_runtime_cannot_read_is_refused(order: OnnxOrder, trees: bytes) -> None:
    with pytest.raises(ValueError, match="cannot read these trees"):
        OnnxOrder(order.boosted, trees)


def test_trees_of_other_columns_are_refused(order: OnnxOrder) -> None:
    narrow = np.random.default_rng(0).normal(size=(100, 2))
    text = lgb.train(
        {"objective": "regression", "verbosity": -1}, lgb.Dataset(narrow, narrow[:, 0]), 2
    ).model_to_string()
    with pytest.raises(ValueError, match="2 columns"):
        OnnxOrder(order.boosted, trees_as_onnx(text))
