from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from ranking.boosting import TreeModel
from ranking.fitting import dataset, grow
from tests.ranking.visit_worlds import FEATURE_SET, features_of

RNG = np.random.default_rng(0)
FEATURES = features_of(400, near_score=RNG.normal(size=400), weekday=RNG.integers(0, 7, 400), hour=RNG.random(400))
WANTED = FEATURES[:, FEATURE_SET.names.index("near_score")] + (FEATURES[:, FEATURE_SET.names.index("weekday")] == 3)


@pytest.fixture(scope="module")
def model() -> TreeModel:
    data = dataset(FEATURES, FEATURE_SET.names, FEATURE_SET, label=WANTED)
    return grow(data, {"objective": "regression", "num_leaves": 7}, 12, seed=0, num_threads=1, judge=None)


def test_contributions_sum_to_the_score(model: TreeModel) -> None:
    parts = model.contributions(FEATURES)
    assert parts.shape == (400, len(FEATURE_SET) + 1)
    np.testing.assert_allclose(parts.sum(axis=1), model.raw_scores(FEATURES), atol=1e-9)


def test_what_the_target_does_not_depend_on_contributes_little(model: TreeModel) -> None:
    size = np.abs(model.contributions(FEATURES)).mean(axis=0)
    at = FEATURE_SET.names.index
    assert size[at("near_score")] > 5 * size[at("hour")]


def test_the_first_trees_are_those_of_the_whole_model(model: TreeModel) -> None:
    booster = lgb.Booster(model_str=model.text)
    np.testing.assert_array_equal(
        model.first(3).raw_scores(FEATURES), booster.predict(FEATURES, raw_score=True, num_iteration=3)
    )
    assert (model.num_trees, model.first(3).num_trees) == (12, 3)


def test_no_rows_have_no_scores(model: TreeModel) -> None:
    assert model.raw_scores(FEATURES[:0]).shape == (0,)
    assert model.contributions(FEATURES[:0]).shape == (0, len(FEATURE_SET) + 1)
    assert model.raw_scores(FEATURES[:1]).shape == (1,)


def test_other_columns_are_refused(model: TreeModel) -> None:
    with pytest.raises(ValueError, match="this model has"):
        model.raw_scores(FEATURES[:, :-1])
    with pytest.raises(ValueError, match="this model has"):
        model.contributions(FEATURES[0])


def test_what_is_no_model_is_refused(model: TreeModel) -> None:
    """Half a model is told apart before LightGBM sees it, which would end the process."""
    for text in ("", "tree\n", model.text[: len(model.text) // 2], "x\nend of trees\n"):
        with pytest.raises(ValueError, match="no LightGBM model"):
            TreeModel(text)


def test_what_only_lightgbm_can_tell_is_refused_when_it_is_asked(model: TreeModel) -> None:
    text = model.text.replace("objective=regression", "objective=shoe_size")
    assert TreeModel(text).names == model.names
    with pytest.raises(ValueError, match="no LightGBM model"):
        TreeModel(text).contributions(FEATURES)
