"""Visits in, a ranker out: LambdaMART with position debiasing, stopped and judged on later visits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np

from ranking.artefact import RankerArtefact
from ranking.boosting import TreeModel
from ranking.click_model import ClickModel
from ranking.click_training import examination, train_click_model
from ranking.config import RankerConfig
from ranking.debiasing import position_keys
from ranking.features import FeatureSet
from ranking.fitting import Judge, dataset, grow
from ranking.goals import Goals
from ranking.grades import grades_of, label_gains, teaches
from ranking.order import BoostedOrder
from ranking.training_report import describe, judged
from ranking.visits import NothingToLearn, Visits, VisitsError, join_visits

MOST_ROWS = 10_000
"""Of one visit: LightGBM's own limit."""

LEAST_ROWS_OF_A_PLACE = 50
"""With fewer impressions, a place on the page is joined with others: see `position_keys`."""


def train_ranker(
    parts: Iterable[Visits], config: RankerConfig, *, since: datetime, until: datetime, feature_set: FeatureSet
) -> RankerArtefact:
    """Learn an order from all visits of [since, until); every part holds whole visits.

    LambdaMART: Burges, 2010, "From RankNet to LambdaRank to LambdaMART". Position biases are LightGBM's, added to the
    score of a row while it trains and left out when it predicts; nothing else knows of positions. A bootstrap
    (`Visits.assumed`) is trained without them and without a click model.
    The later `config.later_share` of visits ends training by position-weighted NDCG, with weights from the click model
    (unless all trees are to grow: `config.all_trees_from`), and is what the report is of: also whether the ranker beat
    the order that it was given.

    Raises `NothingToLearn` for no visit, no visit with a positive, one candidate a visit only, nothing later than
    the rest; `LeakError` for a row that looks ahead; `VisitsError` for a visit in two parts, outside the window, or of
    more than `MOST_ROWS` rows, and for other features.
    """
    visits = join_visits(parts)
    _check(visits, feature_set, since, until)
    is_earlier, is_later = split_in_time(visits, config.later_share)
    earlier, later = visits.take(is_earlier), visits.take(is_later)
    _check_learnable(earlier, later, config)
    clicks, calibration = _click_model(earlier, later, feature_set, config)
    looked_at = None if clicks is None else examination(clicks, visits, least_rows=LEAST_ROWS_OF_A_PLACE)
    goals = _goals(later, looked_at, np.repeat(is_later, visits.visit_sizes), config)
    stops_early = config.all_trees_from is None or visits.num_visits < config.all_trees_from
    judge = Judge(later.features, goals.mean, config.patience) if stops_early else None
    model = _grow(earlier, feature_set, config, config.num_trees, judge)
    report = {
        **describe(visits, earlier, later, config, trees=model.num_trees),
        "later": judged(later, BoostedOrder(feature_set, model), goals),
        "calibration": calibration,
    }
    if config.refit:
        model = _grow(visits, feature_set, config, model.num_trees, None)
    return RankerArtefact(
        order=BoostedOrder(feature_set, model),
        since=since,
        until=until,
        gains=_gains(visits, config),
        bootstrap=visits.assumed,
        click_model=clicks,
        config=config,
        report=report,
    )


def split_in_time(visits: Visits, later_share: float) -> tuple[np.ndarray, np.ndarray]:
    """(num_visits,) bool masks: visits that began in the latest share, and those that were over before the first of
    them began. What lies across is in neither.

    Raises `NothingToLearn` where one of them would be empty.
    """
    began = np.sort(visits.began_s)
    boundary = began[min(int(np.ceil(len(began) * (1 - later_share))), len(began) - 1)]
    later, earlier = visits.began_s >= boundary, visits.last_served_s < boundary
    if not earlier.any():
        raise NothingToLearn(
            f"{visits.num_visits} visits, but none was over before the latest {later_share:.0%} began: there is no "
            "later window to judge by. Widen the window."
        )
    return earlier, later


def _check(visits: Visits, feature_set: FeatureSet, since: datetime, until: datetime) -> None:
    if visits.features.shape[1] != len(feature_set):
        raise VisitsError(
            f"features have {visits.features.shape[1]} columns, but {feature_set.id} has {len(feature_set)}. "
            "Take the visits that were logged with this feature set, or build their features again."
        )
    outside = (visits.served_s < since.timestamp()) | (visits.served_s >= until.timestamp())
    if outside.any():
        raise VisitsError(f"{int(outside.sum())} rows were served outside of {since} to {until}.")
    if visits.visit_sizes.max() > MOST_ROWS:
        raise VisitsError(
            f"A visit has {visits.visit_sizes.max()} rows, but LightGBM takes at most {MOST_ROWS}. Leave such "
            "visits out, or draw fewer assumed negatives."
        )


def _check_learnable(earlier: Visits, later: Visits, config: RankerConfig) -> None:
    if max(earlier.visit_sizes.max(), later.visit_sizes.max()) == 1:
        raise NothingToLearn("Every visit has one candidate only: there is no order to learn.")
    for name, part in (("earlier", earlier), ("later", later)):
        if not part.has_positive.any():
            raise NothingToLearn(f"No visit with a positive among the {part.num_visits} {name} ones. Wait for more.")
    if not teaches(earlier, viewed_gain=config.viewed_gain).any():
        raise NothingToLearn("In no visit does a label differ from another, so no order can be told from another.")


def _click_model(
    earlier: Visits, later: Visits, feature_set: FeatureSet, config: RankerConfig
) -> tuple[ClickModel | None, dict[str, object] | None]:
    if earlier.assumed or config.click_model is None:
        return None, None
    return train_click_model(
        earlier, later, feature_set, config.click_model, seed=config.seed, num_threads=config.num_threads
    )


def _goals(later: Visits, looked_at: np.ndarray | None, is_later: np.ndarray, config: RankerConfig) -> Goals:
    """Of the later visits. looked_at, is_later: (rows of all visits,)."""
    if looked_at is None:
        return Goals.plain(later, config.ndcg_at)
    return Goals.weighted(later, config.ndcg_at, looked_at[is_later], least=config.min_examination)


def _grow(
    visits: Visits, feature_set: FeatureSet, config: RankerConfig, num_trees: int, judge: Judge | None
) -> TreeModel:
    positions = {} if visits.assumed else {"position": position_keys(visits, least_rows=LEAST_ROWS_OF_A_PLACE)}
    data = dataset(
        visits.features,
        feature_set.names,
        feature_set,
        label=grades_of(visits),
        group=visits.visit_sizes,
        **positions,
    )
    parameters = {
        "objective": "lambdarank",
        "label_gain": list(_gains(visits, config)),
        "lambdarank_truncation_level": config.truncation,
        "lambdarank_position_bias_regularization": config.position_bias_regularization,
        "num_leaves": config.num_leaves,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.min_rows_in_leaf,
        "lambda_l2": config.l2,
        "feature_fraction": config.feature_share,
        "feature_fraction_bynode": config.feature_share,
    }
    return grow(data, parameters, num_trees, seed=config.seed, num_threads=config.num_threads, judge=judge)


def _gains(visits: Visits, config: RankerConfig) -> tuple[float, ...]:
    return label_gains(int(visits.gains.max()), viewed_gain=config.viewed_gain)
