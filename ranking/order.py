"""What puts candidates in order: anything with scores. Retrieval's own order is one, a LightGBM model another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ranking.boosting import TreeModel
from ranking.feature_facts import FUSION_K0
from ranking.features import FeatureSet


class Order(Protocol):
    """features: (n, len(feature_set)) float32, NaN for missing, of `build_features`; n may be 0.

    What is said of a row does not depend on the other rows, so that some candidates can be explained without the rest.
    """

    @property
    def feature_set(self) -> FeatureSet: ...

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n,) float32, the highest first."""

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """(n, len(feature_set) + 1) float64: what each feature adds, and last what is there without any of them. Rows
        sum to the scores."""


@dataclass(frozen=True)
class RetrievalOrder:
    """No reranking: the order of one source, or, without one, reciprocal-rank fusion of all.

    The score of a candidate is what the source adds to the fusion, 1 / (60 + rank from 1), and 0 where it did not name
    it: near the last of those it named, as a softmax over scores wants it.
    Raises ValueError for a source that the set has not.
    """

    feature_set: FeatureSet
    source: str | None = None

    def __post_init__(self) -> None:
        if self.source is not None and self.source not in self.feature_set.sources:
            raise ValueError(f"{self.source} is not among the sources {self.feature_set.sources}.")

    def scores(self, features: np.ndarray) -> np.ndarray:
        check_width(features, self.feature_set)
        values = features[:, self._column]
        return np.nan_to_num(values if self.source is None else 1 / (FUSION_K0 + 1 + values), nan=0.0)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """All of it from one column."""
        all_of_it = np.zeros((len(features), len(self.feature_set) + 1))
        all_of_it[:, self._column] = self.scores(features)
        return all_of_it

    @property
    def _column(self) -> int:
        return self.feature_set.names.index("fusion" if self.source is None else rank_feature(self.source))


@dataclass(frozen=True)
class BoostedOrder:
    """LightGBM's. Raises ValueError for a model of other columns."""

    feature_set: FeatureSet
    model: TreeModel

    def __post_init__(self) -> None:
        if self.model.names != self.feature_set.names:
            raise ValueError(f"This model reads {self.model.names}, but the feature set has {self.feature_set.names}.")

    def scores(self, features: np.ndarray) -> np.ndarray:
        return self.model.raw_scores(features).astype(np.float32)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        return self.model.contributions(features)


def best_first(scores: np.ndarray) -> np.ndarray:
    """(n,) int64 rows, the highest score first; those of one score in the order in which they came.

    Raises ValueError for NaN.
    """
    if np.isnan(scores).any():
        raise ValueError("Scores hold NaN, which has no place in an order.")
    return np.argsort(-scores, kind="stable")


def rank_feature(source: str) -> str:
    """Name of the column that holds a source's rank, NaN where it did not name the candidate."""
    return f"{source}_rank"


def check_width(features: np.ndarray, feature_set: FeatureSet) -> None:
    """Raises ValueError for features that are not (n, columns of the set)."""
    if features.ndim != 2 or features.shape[1] != len(feature_set):
        raise ValueError(f"features is {features.shape}, but the feature set has {len(feature_set)} columns.")
