"""Training a click model, with its calibration; and from it, how much each place of a page is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np

from ranking.calibration import Platt, calibration_report, fit_platt, normalised_entropy
from ranking.click_model import ClickModel, click_columns, with_places
from ranking.config import ClickModelConfig
from ranking.debiasing import examination_by_key, position_groups, position_keys
from ranking.features import FeatureSet
from ranking.fitting import Judge, dataset, grow
from ranking.order import rank_feature
from ranking.visits import POSITIVE, Visits


def train_click_model(
    earlier: Visits, later: Visits, feature_set: FeatureSet, config: ClickModelConfig, *, seed: int, num_threads: int
) -> tuple[ClickModel, dict[str, Any]]:
    """The model, and its calibration on the second half of the later window.

    The first half of the later window ends training and fits the correction; it is kept only where it lowers the
    normalised entropy of the second half.  All rows are viewed impressions: raises ValueError for a bootstrap.
    """
    if earlier.assumed or later.assumed:
        raise ValueError("A bootstrap has no impressions, so nothing about clicks on them can be learned from it.")
    tuning, judged = halves(later)
    tuning_inputs, tuning_clicks = _inputs(tuning), tuning.labels == POSITIVE
    model = grow(
        dataset(
            _inputs(earlier), click_columns(feature_set), feature_set, label=(earlier.labels == POSITIVE).astype(int)
        ),
        {
            "objective": "binary",
            "num_leaves": config.num_leaves,
            "learning_rate": config.learning_rate,
            "min_data_in_leaf": config.min_rows_in_leaf,
        },
        config.num_trees,
        seed=seed,
        num_threads=num_threads,
        judge=Judge(tuning_inputs, lambda predicted: -_log_loss(predicted, tuning_clicks), config.patience),
    )
    fitted = fit_platt(model.raw_scores(tuning_inputs), tuning_clicks)
    raw, clicked = model.raw_scores(_inputs(judged)), judged.labels == POSITIVE
    entropies = [normalised_entropy(platt.probabilities(raw), clicked) for platt in (Platt(), fitted)]
    platt = fitted if entropies[1] < entropies[0] else Platt()
    report = {
        "trees": model.num_trees,
        "correction_kept": platt is fitted,
        **calibration_report(platt.probabilities(raw), clicked, _groups(judged, feature_set)),
    }
    return ClickModel(feature_set, model, platt), report


def examination(model: ClickModel, visits: Visits, *, least_rows: int) -> np.ndarray:
    """(rows,) float64, how much the place of each row is looked at, the first place being 1: for position-weighted
    NDCG.  least_rows: see `position_keys`."""
    return examination_by_key(
        model.probabilities_at(visits.features, visits.positions, visits.columns),
        model.probabilities(visits.features),
        position_keys(visits, least_rows=least_rows),
    )


def halves(visits: Visits) -> tuple[Visits, Visits]:
    """By when visits began; of an odd number the earlier half has one more."""
    place = np.argsort(np.argsort(visits.began_s, kind="stable"), kind="stable")
    early = place < (visits.num_visits + 1) // 2
    return visits.take(early), visits.take(~early)


def _groups(visits: Visits, feature_set: FeatureSet) -> dict[str, np.ndarray]:
    """Rows by where they stood, by each source that named them, cold and warm."""
    groups = {f"position {name}": mask for name, mask in position_groups(visits.positions).items()}
    for source in feature_set.sources:
        column = feature_set.names.index(rank_feature(source))
        groups[f"source {source}"] = ~np.isnan(visits.features[:, column])
    return {**groups, "cold": visits.cold, "warm": ~visits.cold}


def _inputs(visits: Visits) -> np.ndarray:
    return with_places(visits.features, visits.positions, visits.columns)


def _log_loss(predicted: np.ndarray, clicked: np.ndarray) -> float:
    return float(-np.log(np.clip(np.where(clicked, predicted, 1 - predicted), 1e-12, 1)).mean())
