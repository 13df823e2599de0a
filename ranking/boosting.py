"""A LightGBM model as text, and what is asked of it. One thread, raw scores, no surprises about columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ranking.tree_text import column_names

if TYPE_CHECKING:
    import lightgbm as lgb


@dataclass(frozen=True)
class TreeModel:
    """text: LightGBM's own format, which is what is stored.

    LightGBM is imported, and the text read into it, only when more is asked of the model than its names: a web process
    has its scores from ONNX Runtime (`ranking.onnx_order`), and so does without some 20 MB until somebody wants
    contributions (300 trees of 63 leaves; with pandas and scikit-learn installed it is 150).
    Raises ValueError for what is no model, or not all of one.
    """

    text: str

    def __post_init__(self) -> None:
        _ = self.names  # LightGBM ends the whole process where a tree is missing; this raises

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in order."""
        return column_names(self.text)

    @property
    def num_trees(self) -> int:
        return self._booster.num_trees()

    def raw_scores(self, features: np.ndarray) -> np.ndarray:
        """(n,) float64. features: (n, columns) float32. Raises ValueError for another number of columns."""
        self._check(features)
        if not len(features):
            return np.empty(0)
        return np.asarray(self._booster.predict(features, raw_score=True, num_threads=1, validate_features=False))

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """(n, columns + 1) float64, TreeSHAP; the last column is what the model says of nothing. Rows sum to scores.

        Lundberg, Erion and Lee, 2018, "Consistent individualized feature attribution for tree ensembles".
        """
        self._check(features)
        if not len(features):
            return np.empty((0, features.shape[1] + 1))
        return np.asarray(self._booster.predict(features, pred_contrib=True, num_threads=1, validate_features=False))

    def first(self, num_trees: int) -> TreeModel:
        """The model after its first `num_trees`: coarser, and cheaper in proportion."""
        return TreeModel(self._booster.model_to_string(num_iteration=num_trees))

    @cached_property
    def _booster(self) -> lgb.Booster:
        import lightgbm as lgb  # noqa: PLC0415 - serving does without until contributions are asked for

        try:
            return lgb.Booster(model_str=self.text)
        except lgb.basic.LightGBMError as wrong:
            raise ValueError(f"This is no LightGBM model: {wrong}") from wrong

    def _check(self, features: np.ndarray) -> None:
        if features.ndim != 2 or features.shape[1] != len(self.names):
            raise ValueError(
                f"features is {features.shape}, but this model has {len(self.names)} columns. "
                "Build them with the feature set that it was trained on."
            )
