"""LightGBM's trees as one ONNX node, which ONNX Runtime asks in less time. Needs onnx, so only where models are made.

`python -m benchmarks ranking_speed` measures what it saves.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ranking.tree_text import Trees, read_trees

INPUT, OUTPUT = "features", "scores"

_ML_OPSET, _OPSET, _IR_VERSION = 5, 21, 10
_SUM, _UNCHANGED = 1, 0
_AT_MOST, _MEMBER = 0, 6


def trees_as_onnx(text: str) -> bytes:
    """An ONNX model: float32 (n, columns) named `INPUT` in, raw scores (n, 1) named `OUTPUT` out.

    text: of LightGBM. Leaves are summed in float32, so that scores of some hundred trees differ by about 1e-6 of their
    size. Raises `ModelTextError` for what `read_trees` does not read.
    """
    return _model(read_trees(text))


def _model(trees: Trees) -> bytes:
    modes = np.where(trees.sets, _MEMBER, _AT_MOST).astype(np.uint8)
    sets = {"membership_values": numpy_helper.from_array(trees.members)} if len(trees.members) else {}
    node = helper.make_node(
        "TreeEnsemble",
        [INPUT],
        [OUTPUT],
        domain="ai.onnx.ml",
        aggregate_function=_SUM,
        post_transform=_UNCHANGED,
        n_targets=1,
        tree_roots=trees.roots.tolist(),
        nodes_featureids=trees.features.tolist(),
        nodes_splits=numpy_helper.from_array(trees.splits),
        nodes_modes=numpy_helper.from_array(modes),
        nodes_truenodeids=np.where(trees.left >= 0, trees.left, ~trees.left).tolist(),
        nodes_trueleafs=(trees.left < 0).astype(int).tolist(),
        nodes_falsenodeids=np.where(trees.right >= 0, trees.right, ~trees.right).tolist(),
        nodes_falseleafs=(trees.right < 0).astype(int).tolist(),
        nodes_missing_value_tracks_true=trees.missing_left.astype(int).tolist(),
        leaf_targetids=[0] * len(trees.leaves),
        leaf_weights=numpy_helper.from_array(trees.leaves.astype(np.float32)),
        **sets,
    )
    graph = helper.make_graph(
        [node],
        "trees",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", trees.columns])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", 1])],
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION).SerializeToString()
