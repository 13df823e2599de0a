"""A trained order as it will be served: asked of ONNX Runtime, once that says what LightGBM says.

Needs onnx, so only where models are made.
"""

from __future__ import annotations

import numpy as np

from ranking.onnx_order import OnnxOrder
from ranking.onnx_trees import trees_as_onnx
from ranking.order import BoostedOrder
from ranking.tree_text import Trees, read_trees

LARGEST_DIFFERENCE = 1e-5
"""Between the two, in the unit of the highest score; leaves that are summed in float32 differ by about 1e-6."""

_ROWS = 1_000
_MISSING = 0.1
_ZERO = np.float32(1e-35)
"""LightGBM's kZeroThreshold."""


def as_served(order: BoostedOrder) -> OnnxOrder:
    """The same order. Raises ValueError for trees that ONNX cannot tell, and as `check_same` does."""
    served = OnnxOrder(order, trees_as_onnx(order.model.text))
    check_same(served)
    return served


def check_same(order: OnnxOrder) -> None:
    """Raises ValueError where scores of rows that come close to every split differ by more than rounding."""
    rows = telling_rows(read_trees(order.boosted.model.text), _ROWS)
    expected = order.boosted.scores(rows)
    largest, scale = np.abs(order.scores(rows) - expected).max(), np.abs(expected).max()
    if not largest <= LARGEST_DIFFERENCE * scale:
        raise ValueError(
            f"The trees as ONNX score rows differently from LightGBM, by up to {largest:.2g} where scores reach "
            f"{scale:.2g}: they are of another model, or this onnx and onnxruntime do not fit each other."
        )


def telling_rows(trees: Trees, num_rows: int, *, seed: int = 0) -> np.ndarray:
    """(num_rows, columns) float32: values of splits, the next ones above, members of sets, and some missing. Columns
    that no tree asks for are 0."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((num_rows, trees.columns), np.float32)
    for column in np.unique(trees.features):
        rows[:, column] = rng.choice(_telling_values(trees, int(column)), num_rows)
    rows[rng.random(rows.shape) < _MISSING] = np.nan
    return rows


def _telling_values(trees: Trees, column: int) -> np.ndarray:
    """Of a column: those at which a row goes one way or the other."""
    splits = trees.splits[(trees.features == column) & ~trees.sets]
    ends = np.isnan(trees.members)
    number_of_set = np.cumsum(ends) - ends  # (members,)
    members = trees.members[trees.features[trees.sets][number_of_set] == column]
    one_more = members[~np.isnan(members)].max(initial=-1) + 1
    beyond = [one_more] if len(members) else []
    values = np.concatenate([splits, np.nextafter(splits, np.float32(np.inf)), members, beyond]).astype(np.float32)
    # Such a value LightGBM reads as 0, and it splits there: no feature is ever as small without being 0.
    return np.where(np.abs(values) <= _ZERO, np.float32(0), values)
