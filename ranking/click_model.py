"""P(click | viewed, position): what visits without a click teach too, and what a place on the page does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranking.boosting import TreeModel
from ranking.calibration import Platt
from ranking.debiasing import grid_places
from ranking.features import FeatureSet

PLACE_FEATURES = ("shown_position", "shown_row", "shown_column")


@dataclass(frozen=True)
class ClickModel:
    """model: log-odds from the columns of `click_columns`.  platt: its correction.

    Raises ValueError for a model of other columns. The first probability asked for imports LightGBM.
    """

    feature_set: FeatureSet
    model: TreeModel
    platt: Platt

    def __post_init__(self) -> None:
        expected = click_columns(self.feature_set)
        if self.model.names != expected:
            raise ValueError(f"This click model reads {self.model.names}, but its columns are {expected}.")

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """(n,) float64, P(click) of candidates, were each viewed at the first place: comparable with one another."""
        first = np.zeros(len(features), np.int32)
        return self.probabilities_at(features, first, first)

    def probabilities_at(self, features: np.ndarray, positions: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(n,) float64, P(click) where each stood: absolute positions from 0, columns of the grid (0: not known)."""
        return self.platt.probabilities(self.model.raw_scores(with_places(features, positions, columns)))


def click_columns(feature_set: FeatureSet) -> tuple[str, ...]:
    """Names of what a click model reads: the columns of the feature set, then `PLACE_FEATURES`."""
    return (*feature_set.names, *PLACE_FEATURES)


def with_places(features: np.ndarray, positions: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(n, `click_columns`) float32."""
    row, column = grid_places(positions, columns)
    return np.column_stack([features, positions, row, column]).astype(np.float32)
