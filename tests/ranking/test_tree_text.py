from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ranking.tree_text import ModelTextError, column_names, read_trees
from tests.ranking.test_onnx_trees import trained

SMALL = """tree
num_tree_per_iteration=1
max_feature_idx=2
feature_names=hour rank weekday

Tree=0
num_leaves=3
num_cat=1
split_feature=2 0
threshold=0 0.5
decision_type=1 10
left_child=1 -1
right_child=-2 -3
leaf_value=1 2 3
cat_boundaries=0 2
cat_threshold=18 2
is_linear=0

Tree=1
num_leaves=1
leaf_value=10

end of trees
"""


def test_a_model_worked_by_hand() -> None:
    trees = read_trees(SMALL)
    assert trees.columns == 3
    assert trees.features.tolist() == [2, 0, 0]
    assert trees.sets.tolist() == [True, False, False]
    np.testing.assert_array_equal(trees.members, [1, 4, 33, np.nan])  # bits of 18, then of 2 in the next word
    assert trees.left.tolist() == [1, ~0, ~3]
    assert trees.right.tolist() == [~1, ~2, ~4]
    assert trees.missing_left.tolist() == [False, True, False]
    assert trees.leaves.tolist() == [1, 2, 3, 10, 10]
    assert trees.roots.tolist() == [0, 2]


def test_columns_have_the_names_by_which_the_model_was_trained() -> None:
    assert column_names(SMALL) == ("hour", "rank", "weekday")


@pytest.mark.parametrize("text", ["", "tree\n", SMALL[: len(SMALL) // 2], "x\nend of trees\n"])
def test_what_is_not_all_of_a_model_has_no_columns(text: str) -> None:
    with pytest.raises(ModelTextError, match="not all of one"):
        column_names(text)


def test_a_split_is_the_largest_float_that_is_not_above_it() -> None:
    exact, between = 0.5, 1 + 2.0**-30
    for split, expected in ((exact, 0.5), (between, 1.0), (-between, np.nextafter(np.float32(-1), np.float32(-2)))):
        text = SMALL.replace("threshold=0 0.5", f"threshold=0 {split!r}")
        assert read_trees(text).splits[1] == np.float32(expected)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"zero_as_missing": True}, "zero_as_missing=false"),
        ({"linear_tree": True}, "linear_tree=false"),
        ({"objective": "multiclass", "num_class": 2}, "one score a row"),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "one score a row"),
    ],
)
def test_what_cannot_be_told_as_such_trees_is_refused_with_the_cure(parameters: dict[str, Any], told: str) -> None:
    values = np.linspace(-3, 3, 300)[:, None]
    booster = trained(values, (values[:, 0] > 0).astype(float), [], **parameters)
    with pytest.raises(ModelTextError, match=told):
        read_trees(booster.model_to_string())


def test_a_text_that_is_no_model_is_refused() -> None:
    with pytest.raises(ModelTextError):
        read_trees("Dear diary")
