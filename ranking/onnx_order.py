"""LightGBM's order, asked of ONNX Runtime: the same order in less time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as refusals

from ranking.features import FeatureSet
from ranking.order import BoostedOrder, check_width

_REFUSALS = (
    refusals.Fail,
    refusals.InvalidArgument,
    refusals.InvalidGraph,
    refusals.InvalidProtobuf,
    refusals.NotImplemented,
)


@dataclass(frozen=True)
class OnnxOrder:
    """boosted: the model, which alone can explain itself.  trees: the same as `onnx_export.as_served` wrote it.

    Scores differ from LightGBM's by rounding to float32. Safe to use from several threads.
    Raises ValueError for trees that ONNX Runtime cannot read, or that read another number of columns.
    """

    boosted: BoostedOrder
    trees: bytes

    def __post_init__(self) -> None:
        columns = self._session.get_inputs()[0].shape[1]
        if columns != len(self.feature_set):
            raise ValueError(f"These trees read {columns} columns, but the feature set has {len(self.feature_set)}.")

    @property
    def feature_set(self) -> FeatureSet:
        return self.boosted.feature_set

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n,) float32, the highest first. Raises ValueError for features of another width."""
        check_width(features, self.feature_set)
        if not len(features):
            return np.empty(0, np.float32)
        [scores] = self._session.run(None, {self._session.get_inputs()[0].name: features})
        return scores[:, 0]

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """(n, len(feature_set) + 1) float64, LightGBM's: rows sum to its scores. The first call imports it."""
        return self.boosted.contributions(features)

    @cached_property
    def _session(self) -> ort.InferenceSession:
        """One thread: a web process has others to do."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            return ort.InferenceSession(self.trees, options, providers=["CPUExecutionProvider"])
        except _REFUSALS as wrong:
            raise ValueError(f"ONNX Runtime {ort.__version__} cannot read these trees: {wrong}") from wrong
