"""How good an order of visits is, beside what their readers then chose."""

from __future__ import annotations

import numpy as np


def ndcg_at_k(scores: np.ndarray, gains: np.ndarray, visit_sizes: np.ndarray, k: int) -> np.ndarray:
    """(num_visits,) float64 in [0, 1], NaN for a visit without a gain, which has nothing to find.

    `dcg_at_k` over that of the best order.
    """
    found, best = dcg_at_k(scores, gains, visit_sizes, k), dcg_at_k(gains, gains, visit_sizes, k)
    return np.divide(found, best, out=np.full(len(best), np.nan), where=best > 0)


def dcg_at_k(scores: np.ndarray, gains: np.ndarray, visit_sizes: np.ndarray, k: int) -> np.ndarray:
    """(num_visits,) float64 sum of gain / log2(place + 1) over the first k places of each visit.

    scores, gains: (rows,), gains from 0; visit_sizes: (num_visits,), from 1, the sum is rows.
    Järvelin and Kekäläinen, TOIS 2002, "Cumulated gain-based evaluation of IR techniques".
    Rows of one score share the mean discount of their places (McSherry and Najork, ECIR 2008), so that an order that
    knows nothing is worth what a random one is, not what the order of the rows was worth.
    Raises ValueError for NaN in scores or gains, lengths that differ, k below 1.
    """
    _check(scores, gains, visit_sizes, k)
    if not len(scores):
        return np.empty(0)
    visit_of_row = np.repeat(np.arange(len(visit_sizes)), visit_sizes)
    order = np.lexsort((-scores, visit_of_row))
    ordered = scores[order]
    place = np.arange(len(scores)) - np.repeat(
        np.cumsum(visit_sizes) - visit_sizes, visit_sizes
    )  # from 0, in the visit
    discount = np.where(place < k, 1 / np.log2(place + 2), 0.0)
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]]) | (place == 0)
    tie = np.cumsum(begins) - 1
    shared = (np.bincount(tie, discount) / np.bincount(tie))[tie]
    return np.bincount(visit_of_row, gains[order] * shared, len(visit_sizes))


def position_weighted(gains: np.ndarray, examination: np.ndarray, *, least: float) -> np.ndarray:
    """Gains as they would be, were each place looked at as much as the first: gain / examination, float64.

    examination: (rows,) how likely a place is looked at, of the first place's. Below `least` it counts as that: a few
    clicks far down would else decide everything.
    Joachims, Swaminathan and Schnabel, WSDM 2017, "Unbiased learning-to-rank with biased feedback".
    """
    if not (examination > 0).all():
        raise ValueError("examination must be above 0: what nobody looks at cannot be weighed up.")
    return gains / np.maximum(examination, least)


def as_shown(visit_sizes: np.ndarray) -> np.ndarray:
    """(rows,) float64 scores that keep each visit's rows in their order: what any reranking must beat."""
    starts = np.cumsum(visit_sizes) - visit_sizes
    return (np.repeat(starts, visit_sizes) - np.arange(visit_sizes.sum())).astype(np.float64)


def mean_and_error(values: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, float]:
    """Mean over visits that count (not NaN, weight above 0) and its standard error; NaN where there are too few."""
    weights = np.ones(len(values)) if weights is None else weights
    counted = ~np.isnan(values) & (weights > 0)
    values, shares = values[counted], weights[counted] / max(weights[counted].sum(), 1e-300)
    if not len(values):
        return float("nan"), float("nan")
    mean = float(shares @ values)
    if len(values) == 1:
        return mean, float("nan")
    return mean, float(np.sqrt((shares**2 @ (values - mean) ** 2) * len(values) / (len(values) - 1)))


def _check(scores: np.ndarray, gains: np.ndarray, visit_sizes: np.ndarray, k: int) -> None:
    if k < 1:
        raise ValueError(f"k is {k}; a list has at least one place.")
    if scores.shape != gains.shape or visit_sizes.sum() != len(scores) or (visit_sizes < 1).any():
        raise ValueError(
            f"scores {scores.shape} and gains {gains.shape} must be parallel, and visit_sizes (from 1) sum to that, "
            f"but sum to {visit_sizes.sum()}."
        )
    if np.isnan(scores).any() or np.isnan(gains).any():
        raise ValueError("NaN has no place in an order. Give -inf to what is not to be proposed.")
    if (gains < 0).any():
        raise ValueError("gains must be from 0.")
