from __future__ import annotations

import numpy as np
import pytest

from ranking.boosting import TreeModel
from ranking.features import FeatureSet
from ranking.fitting import dataset, grow
from ranking.order import BoostedOrder, Order, RetrievalOrder, best_first

SET = FeatureSet.of(["covisits", "towers"])
TOWERS, COVISITS, FUSION = (SET.names.index(name) for name in ("towers_rank", "covisits_rank", "fusion"))


def features(num_rows: int) -> np.ndarray:
    made = np.full((num_rows, len(SET)), np.nan, np.float32)
    made[:, TOWERS] = np.arange(num_rows)[::-1]
    made[:, FUSION] = 0
    return made


@pytest.fixture(scope="module")
def boosted() -> BoostedOrder:
    rows = features(200)
    data = dataset(rows, SET.names, SET, label=-rows[:, TOWERS])
    model = grow(data, {"objective": "regression"}, 5, seed=0, num_threads=1, judge=None)
    return BoostedOrder(SET, model)


def test_retrieval_order_is_that_of_its_source_and_what_it_did_not_name_comes_last() -> None:
    rows = features(4)
    rows[1, TOWERS] = np.nan
    scores = RetrievalOrder(SET, "towers").scores(rows)
    np.testing.assert_allclose(scores, [1 / 64, 0, 1 / 62, 1 / 61], rtol=1e-6)
    assert scores.dtype == np.float32
    assert best_first(scores).tolist() == [3, 2, 0, 1]


def test_where_a_source_named_nothing_all_are_equal() -> None:
    assert RetrievalOrder(SET, "covisits").scores(features(3)).tolist() == [0, 0, 0]


def test_ranks_far_down_are_still_told_apart() -> None:
    rows = features(20_000)
    np.testing.assert_array_equal(best_first(RetrievalOrder(SET, "towers").scores(rows)), np.arange(20_000)[::-1])


def test_what_was_not_named_is_no_outlier_to_a_softmax_or_mmr() -> None:
    """Of 40 candidates, half of them named, the two halves are about as far apart as within."""
    rows = features(40)
    rows[:20, TOWERS] = np.nan
    scores = RetrievalOrder(SET, "towers").scores(rows)
    assert np.ptp(scores) < 3 * scores.std()


def test_without_a_source_it_is_the_fusion_of_all() -> None:
    rows = features(3)
    rows[:, FUSION] = [0.01, 0.03, np.nan]
    assert best_first(RetrievalOrder(SET).scores(rows)).tolist() == [1, 0, 2]


def test_a_source_that_the_set_does_not_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="popular is not among the sources"):
        RetrievalOrder(SET, "popular")


@pytest.mark.parametrize("source", ["towers", "covisits", None])
def test_contributions_of_a_retrieval_order_sum_to_its_scores(source: str | None) -> None:
    order, rows = RetrievalOrder(SET, source), features(5)
    np.testing.assert_array_equal(order.contributions(rows).sum(axis=1), order.scores(rows))
    column = {"towers": TOWERS, "covisits": COVISITS, None: FUSION}[source]
    np.testing.assert_array_equal(order.contributions(rows)[:, column], order.scores(rows))


@pytest.mark.parametrize("source", ["towers", None])
def test_what_is_said_of_a_row_does_not_depend_on_the_others(source: str | None) -> None:
    order, rows = RetrievalOrder(SET, source), features(6)
    rows[2, TOWERS] = np.nan
    np.testing.assert_array_equal(order.contributions(rows[[2]]), order.contributions(rows)[[2]])


def test_contributions_of_a_boosted_order_sum_to_its_scores(boosted: BoostedOrder) -> None:
    rows = features(50)
    np.testing.assert_allclose(boosted.contributions(rows).sum(axis=1), boosted.scores(rows), rtol=1e-5)
    assert boosted.scores(rows).dtype == np.float32


def test_no_candidate_and_a_single_one_have_an_order(boosted: BoostedOrder) -> None:
    orders: tuple[Order, ...] = (boosted, RetrievalOrder(SET, "towers"), RetrievalOrder(SET))
    for order in orders:
        assert order.scores(features(0)).shape == (0,)
        assert order.contributions(features(0)).shape == (0, len(SET) + 1)
        assert best_first(order.scores(features(0))).tolist() == []
        assert best_first(order.scores(features(1))).tolist() == [0]


def test_features_of_another_width_are_refused(boosted: BoostedOrder) -> None:
    for order in (boosted, RetrievalOrder(SET)):
        with pytest.raises(ValueError, match="features is"):
            order.scores(np.zeros((2, 3), np.float32))


def test_a_model_of_other_features_is_refused_by_name(boosted: BoostedOrder) -> None:
    with pytest.raises(ValueError, match="covisits_score"):
        BoostedOrder(FeatureSet.of(["towers"]), TreeModel(boosted.model.text))


def test_ties_keep_the_order_in_which_they_came() -> None:
    assert best_first(np.array([1, 2, 2, 1, 2], np.float32)).tolist() == [1, 2, 4, 0, 3]
    assert best_first(np.zeros(100, np.float32)).tolist() == list(range(100))


def test_nan_has_no_place() -> None:
    with pytest.raises(ValueError, match="NaN"):
        best_first(np.array([1.0, np.nan]))
