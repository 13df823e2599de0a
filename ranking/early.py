"""A cheap first pass: from thousands of candidates the hundreds that are worth the whole ranker. And what it loses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranking.order import BoostedOrder, Order, best_first


@dataclass(frozen=True)
class EarlyRanker:
    """order: `first_trees` of the whole ranker, or a `RetrievalOrder`. Before there are features, `best_rows` of a
    column, such as the dot product, is cheaper still."""

    order: Order

    def keep(self, features: np.ndarray, k: int) -> np.ndarray:
        """(at most k,) int64, the rows to keep, rising, so that candidates stay in their order."""
        return best_rows(self.order.scores(features), k)


def first_trees(order: BoostedOrder, num_trees: int) -> BoostedOrder:
    """The same ranker after its first `num_trees`, which say the most. Raises ValueError for less than one.

    It asks LightGBM; where onnx is at hand, `onnx_export.as_served` makes it ONNX Runtime's.
    """
    if num_trees < 1:
        raise ValueError(f"{num_trees} trees keep nothing apart; take at least one.")
    return BoostedOrder(order.feature_set, order.model.first(num_trees))


def best_rows(values: np.ndarray, k: int) -> np.ndarray:
    """(at most k,) int64 rows of the highest values, rising. NaN counts as lowest; of equals the first are kept."""
    if k < 1:
        raise ValueError(f"k is {k}; a slate needs at least one candidate.")
    if len(values) <= k:
        return np.arange(len(values))
    return np.sort(best_first(np.nan_to_num(values, nan=-np.inf))[:k])


def surviving_share(whole: np.ndarray, kept: np.ndarray, *, top: int = 24) -> float:
    """Of the first `top` that the whole ranker would show, the share that the first pass keeps; NaN for no candidate.

    whole: (n,) scores of the whole ranker.  kept: rows, as `keep` returns them.
    """
    if not len(whole):
        return float("nan")
    return float(np.isin(best_first(whole)[:top], kept).mean())
