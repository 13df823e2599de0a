from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ranking.click_model import ClickModel
from ranking.click_training import examination, halves, train_click_model
from ranking.config import ClickModelConfig
from ranking.train import split_in_time
from ranking.visits import Visits
from tests.ranking.visit_worlds import FAST, FEATURE_SET, bootstrap_of, position_biased_log

LOG, _ = position_biased_log(3_000, 8, explored=0.2, seed=1, truth=(0.5, 1))


def trained(visits: Visits) -> tuple[ClickModel, dict]:
    earlier, later = (visits.take(mask) for mask in split_in_time(visits, 0.3))
    config = FAST.click_model or ClickModelConfig()
    return train_click_model(earlier, later, FEATURE_SET, config, seed=0, num_threads=1)


@pytest.fixture(scope="module")
def fitted() -> tuple[ClickModel, dict]:
    return trained(LOG)


def test_it_learns_how_much_each_place_is_looked_at(fitted: tuple[ClickModel, dict]) -> None:
    looked_at = examination(fitted[0], LOG, least_rows=50)
    found = np.array([looked_at[LOG.positions == place][0] for place in range(8)])
    np.testing.assert_allclose(found, 1 / (1 + np.arange(8)), atol=0.12)


def test_visits_without_a_click_teach_it(fitted: tuple[ClickModel, dict]) -> None:
    """Without them every visit has a click, and the model promises too many."""
    only_clicked, _ = trained(LOG.take(LOG.has_positive))
    assert only_clicked.probabilities(LOG.features).mean() > 1.05 * fitted[0].probabilities(LOG.features).mean()


def test_its_calibration_is_told_by_position_source_cold_and_warm() -> None:
    cold = np.arange(LOG.num_rows) % 5 == 0
    features = LOG.features.copy()
    features[::2, FEATURE_SET.names.index("near_rank")] = 3
    _, report = trained(replace(LOG, features=features, cold=cold))
    assert set(report["by_group"]) == {"position 0", "position 1-3", "position 4-7", "source near", "cold", "warm"}
    assert report["normalised_entropy"] < 0.97
    assert report["calibration_ratio"] == pytest.approx(1, abs=0.15)
    assert len(report["bins"]) == 10
    assert report["by_group"]["cold"]["rows"] + report["by_group"]["warm"]["rows"] == report["rows"]


def test_a_bootstrap_has_nothing_to_teach_it() -> None:
    bootstrap = bootstrap_of([2, 2], np.array([1, 0, 1, 0], bool))
    with pytest.raises(ValueError, match="no impressions"):
        trained(bootstrap)


def test_halves_are_told_by_time_not_by_row() -> None:
    visits = LOG.take(np.arange(LOG.num_visits) < 3)
    turned = replace(visits, served_s=visits.served_s[::-1].copy(), known_until_s=np.zeros(24))
    first, second = halves(turned)
    assert first.visit_ids.tolist() == [1, 2]
    assert second.visit_ids.tolist() == [0]
