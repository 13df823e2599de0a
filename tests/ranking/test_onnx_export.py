from __future__ import annotations

import numpy as np
import pytest

from ranking.fitting import dataset, grow
from ranking.onnx_export import LARGEST_DIFFERENCE, as_served, check_same, telling_rows
from ranking.onnx_order import OnnxOrder
from ranking.onnx_trees import trees_as_onnx
from ranking.order import BoostedOrder
from ranking.tree_text import read_trees
from tests.ranking.test_tree_text import SMALL
from tests.ranking.visit_worlds import FEATURE_SET, features_of

RNG = np.random.default_rng(0)
ROWS = 2_000
FEATURES = features_of(ROWS, near_score=RNG.normal(size=ROWS), weekday=RNG.integers(0, 7, ROWS), hour=RNG.random(ROWS))
AT = {name: column for column, name in enumerate(FEATURE_SET.names)}
WANTED = FEATURES[:, AT["near_score"]] + np.isin(FEATURES[:, AT["weekday"]], (3, 5))


def trained(wanted: np.ndarray) -> BoostedOrder:
    data = dataset(FEATURES, FEATURE_SET.names, FEATURE_SET, label=wanted)
    return BoostedOrder(FEATURE_SET, grow(data, {"objective": "regression"}, 30, seed=0, num_threads=1, judge=None))


@pytest.fixture(scope="module")
def order() -> BoostedOrder:
    return trained(WANTED)


def test_rows_come_close_to_every_split_and_set() -> None:
    """Column 2 has the set {1, 4, 33}, column 0 is split at 0.5, and nothing asks for column 1."""
    rows = telling_rows(read_trees(SMALL), 500)
    assert {*np.unique(rows[:, 2][~np.isnan(rows[:, 2])])} == {1, 4, 33, 34}
    above = np.nextafter(np.float32(0.5), np.float32(1))
    assert {0.5, above} <= {*np.unique(rows[:, 0][~np.isnan(rows[:, 0])])}
    assert np.nansum(np.abs(rows[:, 1])) == 0
    assert np.isnan(rows).any(axis=0).all()


def test_what_is_served_says_what_was_trained(order: BoostedOrder) -> None:
    served = as_served(order)
    assert served.boosted is order
    scores = order.scores(FEATURES)
    np.testing.assert_allclose(served.scores(FEATURES), scores, atol=LARGEST_DIFFERENCE * np.abs(scores).max())


def test_trees_of_another_training_are_refused(order: BoostedOrder) -> None:
    with pytest.raises(ValueError, match="of another model"):
        check_same(OnnxOrder(order, trees_as_onnx(trained(-WANTED).model.text)))


def test_a_split_beside_zero_is_no_difference() -> None:
    """LightGBM splits at 1e-35 there, and reads values as small as that as 0."""
    near = np.where(RNG.random(ROWS) < 0.5, 0, RNG.normal(size=ROWS))
    features = features_of(ROWS, near_score=near)
    data = dataset(features, FEATURE_SET.names, FEATURE_SET, label=np.sign(near))
    model = grow(data, {"objective": "regression"}, 30, seed=0, num_threads=1, judge=None)
    splits = read_trees(model.text).splits
    assert ((splits != 0) & (np.abs(splits) < 1e-30)).any()
    served = as_served(BoostedOrder(FEATURE_SET, model))
    np.testing.assert_allclose(served.scores(features), served.boosted.scores(features), atol=1e-5)


def test_a_leaf_that_is_a_little_off_is_found(order: BoostedOrder) -> None:
    line = next(line for line in order.model.text.splitlines() if line.startswith("leaf_value="))
    first, *others = line.removeprefix("leaf_value=").split()
    moved = "leaf_value=" + " ".join([str(float(first) + 1e-3), *others])
    with pytest.raises(ValueError, match="score rows differently"):
        check_same(OnnxOrder(order, trees_as_onnx(order.model.text.replace(line, moved, 1))))


def test_a_ranker_that_learned_nothing_can_be_served() -> None:
    constant = trained(np.zeros(ROWS))
    assert as_served(constant).scores(FEATURES[:2]).tolist() == [0, 0]
