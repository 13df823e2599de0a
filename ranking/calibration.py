"""Whether predicted probabilities of a click are what happens, and a correction where they are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

NUM_BINS = 10

_LEAST = 1e-12
_STEPS = 50
_SMALL = 1e-9
_PRIOR = 1e-3
_NO_CORRECTION = np.array([1.0, 0.0])


@dataclass(frozen=True)
class Platt:
    """P(click) = sigmoid(slope x raw score + offset). Monotone without new ties, which isotonic steps would bring.

    Platt, 1999, "Probabilistic outputs for support vector machines"; unlike there, labels are not smoothed.
    """

    slope: float = 1.0
    offset: float = 0.0

    def probabilities(self, raw: np.ndarray) -> np.ndarray:
        """(n,) float64 in (0, 1)."""
        return 1 / (1 + np.exp(-np.clip(self.slope * raw + self.offset, -30, 30)))


def fit_platt(raw: np.ndarray, clicked: np.ndarray) -> Platt:
    """The most likely one, by Newton's method from no correction, which is also where a weak prior pulls it.

    raw: (n,) log-odds.  clicked: (n,) bool.  No correction where all or nothing was clicked, or where the best
    would turn the order round.
    """
    if not clicked.any() or clicked.all():
        return Platt()
    inputs = np.column_stack([raw, np.ones(len(raw))])
    weights = _NO_CORRECTION
    loss = _loss(weights, inputs, clicked)
    for _ in range(_STEPS):
        predicted = Platt(*weights).probabilities(raw)
        gradient = inputs.T @ (predicted - clicked) + _PRIOR * (weights - _NO_CORRECTION)
        curvature = (inputs * (predicted * (1 - predicted))[:, None]).T @ inputs + _PRIOR * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        while _loss(weights - step, inputs, clicked) > loss and np.abs(step).max() > _SMALL:
            step = step / 2
        if np.abs(step).max() <= _SMALL:
            break
        weights = weights - step
        loss = _loss(weights, inputs, clicked)
    return Platt(*map(float, weights)) if weights[0] > 0 else Platt()


def normalised_entropy(predicted: np.ndarray, clicked: np.ndarray) -> float:
    """Mean log loss over that of always predicting the click rate of these rows: below 1 knows more than that.

    He et al., ADKDD 2014, "Practical lessons from predicting clicks on ads at Facebook". NaN where all or nothing was
    clicked.
    """
    rate = clicked.mean() if len(clicked) else np.nan
    if not 0 < rate < 1:
        return float("nan")
    likely = np.clip(np.where(clicked, predicted, 1 - predicted), _LEAST, 1)
    return float(-np.log(likely).mean() / -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate)))


def calibration_ratio(predicted: np.ndarray, clicked: np.ndarray) -> float:
    """Clicks predicted over clicks that happened: 1 is right, above 1 promises too much; NaN without a click."""
    return float(predicted.sum() / clicked.sum()) if clicked.any() else float("nan")


def reliability(predicted: np.ndarray, clicked: np.ndarray, *, num_bins: int = NUM_BINS) -> list[dict[str, float]]:
    """Bins of equally many rows, from the lowest prediction to the highest: rows, mean predicted, share clicked."""
    order = np.argsort(predicted, kind="stable")
    return [
        {"rows": len(rows), "predicted": float(predicted[rows].mean()), "clicked": float(clicked[rows].mean())}
        for rows in np.array_split(order, num_bins)
        if len(rows)
    ]


def calibration_report(predicted: np.ndarray, clicked: np.ndarray, groups: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """predicted: (n,) probabilities.  clicked: (n,) bool.  groups: (n,) bool masks by name, which may overlap.

    What cannot be told (no click) is None, as in JSON.
    """
    return {
        **_counts(predicted, clicked),
        "normalised_entropy": _or_none(normalised_entropy(predicted, clicked)),
        "bins": reliability(predicted, clicked),
        "by_group": {name: _counts(predicted[mask], clicked[mask]) for name, mask in groups.items() if mask.any()},
    }


def _loss(weights: np.ndarray, inputs: np.ndarray, clicked: np.ndarray) -> float:
    odds = inputs @ weights
    prior = _PRIOR / 2 * ((weights - _NO_CORRECTION) ** 2).sum()
    return float((np.logaddexp(0, odds) - clicked * odds).sum() + prior)


def _counts(predicted: np.ndarray, clicked: np.ndarray) -> dict[str, Any]:
    return {
        "rows": len(clicked),
        "clicks": int(clicked.sum()),
        "calibration_ratio": _or_none(calibration_ratio(predicted, clicked)),
    }


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
