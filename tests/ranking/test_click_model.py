from __future__ import annotations

import numpy as np
import pytest

from ranking.boosting import TreeModel
from ranking.calibration import Platt
from ranking.click_model import ClickModel, click_columns, with_places
from ranking.fitting import dataset, grow
from tests.ranking.visit_worlds import FEATURE_SET, position_biased_log

LOG, _ = position_biased_log(300, 8, explored=0.2, seed=1, truth=(0.5, 1))
COLUMNS = np.full(LOG.num_rows, 4, np.int16)


@pytest.fixture(scope="module")
def model() -> ClickModel:
    data = dataset(
        with_places(LOG.features, LOG.positions, COLUMNS), click_columns(FEATURE_SET), FEATURE_SET, label=LOG.gains
    )
    trees = grow(data, {"objective": "binary", "num_leaves": 7}, 20, seed=0, num_threads=1, judge=None)
    return ClickModel(FEATURE_SET, trees, Platt(0.5, -1))


def test_places_stand_beside_the_features() -> None:
    inputs = with_places(LOG.features[:1], np.array([9], np.int32), np.array([4], np.int16))
    assert inputs[0, -3:].tolist() == [9, 2, 1]
    assert inputs.shape == (1, len(click_columns(FEATURE_SET)))


def test_serving_asks_for_the_first_place(model: ClickModel) -> None:
    first = np.zeros(LOG.num_rows, np.int32)
    np.testing.assert_array_equal(
        model.probabilities(LOG.features), model.probabilities_at(LOG.features, first, COLUMNS)
    )
    assert model.probabilities(LOG.features[:0]).shape == (0,)


def test_the_correction_is_of_the_log_odds(model: ClickModel) -> None:
    raw = model.model.raw_scores(with_places(LOG.features, LOG.positions, COLUMNS))
    np.testing.assert_allclose(
        model.probabilities_at(LOG.features, LOG.positions, COLUMNS), 1 / (1 + np.exp(1 - raw / 2))
    )


def test_a_model_of_other_columns_is_refused(model: ClickModel) -> None:
    text = model.model.text.replace("shown_row", "shown_low")
    with pytest.raises(ValueError, match="shown_low"):
        ClickModel(FEATURE_SET, TreeModel(text), Platt())
