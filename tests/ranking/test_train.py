from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from ranking.artefact import RankerArtefact
from ranking.config import RankerConfig
from ranking.features import FeatureSet
from ranking.metrics import ndcg_at_k
from ranking.order import BoostedOrder
from ranking.train import MOST_ROWS, split_in_time, train_ranker
from ranking.visits import DISMISSED, NEGATIVE, POSITIVE, LeakError, NothingToLearn, Visits, VisitsError
from tests.ranking.visit_worlds import (
    FAST,
    FEATURE_SET,
    SINCE,
    UNTIL,
    bootstrap_of,
    features_of,
    position_biased_log,
    visits_of,
)

NEAR, LIKED = FEATURE_SET.names.index("near_score"), FEATURE_SET.names.index("popularity")


def trained(*parts: Visits, config: RankerConfig = FAST) -> RankerArtefact:
    return train_ranker(parts, config, since=SINCE, until=UNTIL, feature_set=FEATURE_SET)


def text_of(artefact: RankerArtefact) -> str:
    assert isinstance(artefact.order, BoostedOrder)
    return artefact.order.model.text


def agreement(artefact: RankerArtefact, features: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.corrcoef(artefact.order.scores(features), wanted)[0, 1])


def without_places(visits: Visits) -> Visits:
    """As if all had stood at the first place: there is nothing to correct for."""
    return replace(visits, positions=np.zeros(visits.num_rows, np.int32))


def rows_of(visits: Visits, rows: np.ndarray) -> Visits:
    sizes = np.bincount(visits.visit_of_row[rows], minlength=visits.num_visits)
    columns = ("labels", "gains", "positions", "columns", "served_s", "known_until_s", "trained_until_s", "cold")
    return Visits(
        visits.features[rows],
        visits.visit_ids[sizes > 0],
        sizes[sizes > 0],
        **{name: getattr(visits, name)[rows] for name in columns},
    )


def test_the_same_seed_gives_the_same_bytes_however_the_log_is_cut() -> None:
    visits, _ = position_biased_log(400, 8, explored=0.1, seed=2, truth=(0, 2))
    once = trained(visits)
    first = np.arange(400) < 150
    again = trained(visits.take(first), visits.take(~first))
    assert text_of(once) == text_of(again)
    assert once.report == again.report
    assert once.click_model == again.click_model


def test_from_so_many_visits_on_every_tree_grows_and_later_visits_still_judge_them() -> None:
    visits, _ = position_biased_log(400, 8, explored=0.1, seed=2, truth=(0, 2))
    config = replace(FAST, num_trees=25, patience=1, click_model=None)
    stopped, all_grown = (trained(visits, config=replace(config, all_trees_from=least)) for least in (401, 400))
    assert stopped.report["trees"] < all_grown.report["trees"] == config.num_trees
    assert all_grown.report["later"].keys() == stopped.report["later"].keys()


@pytest.mark.parametrize("truth", [(0.0, 2.0), (1.0, 1.0), (-1.0, 1.0)])
def test_debiasing_finds_the_true_order_in_a_biased_log_and_without_it_a_worse_one(truth: tuple[float, float]) -> None:
    """Shown by near_score, whatever that is worth; places are looked at 1, 1/2, 1/3 ...; one slate in ten is random."""
    visits, _ = position_biased_log(2_000, 10, explored=0.1, seed=0, truth=truth)
    fresh, liking = position_biased_log(300, 10, explored=1, seed=5, truth=truth)
    config = replace(FAST, patience=30)
    debiased = agreement(trained(visits, config=config), fresh.features, liking)
    believing = agreement(trained(without_places(visits), config=config), fresh.features, liking)
    assert debiased > 0.8
    assert debiased > believing + 0.05


def test_position_keys_reach_lightgbm_so_the_grid_matters() -> None:
    visits, _ = position_biased_log(600, 8, explored=0.1, seed=3, truth=(0, 2))
    in_one_key = replace(visits, positions=np.full(visits.num_rows, 5, np.int32))
    config = replace(FAST, click_model=None)
    assert text_of(trained(in_one_key, config=config)) == text_of(trained(without_places(visits), config=config))
    assert text_of(trained(visits, config=config)) != text_of(trained(in_one_key, config=config))


def test_skip_above_turns_the_retrieval_score_round_and_our_labels_do_not() -> None:
    """The retrieval score is the truth, and slates stand in its order. Skip-above keeps only what stood above the last
    click: in such pairs what was clicked always has the lower score."""
    visits, _ = position_biased_log(1_500, 10, explored=0, seed=0, truth=(1, 0))
    last_click = np.full(visits.num_visits, -1)
    clicked = visits.labels == POSITIVE
    np.maximum.at(last_click, visits.visit_of_row[clicked], visits.positions[clicked])
    skip_above = rows_of(visits, visits.positions <= last_click[visits.visit_of_row])
    fresh, _ = position_biased_log(200, 10, explored=1, seed=5, truth=(1, 0))
    assert agreement(trained(visits), fresh.features, fresh.features[:, NEAR]) > 0.8
    assert agreement(trained(skip_above), fresh.features, fresh.features[:, NEAR]) < -0.3


class TestAMemorisingRetriever:
    """It gives 1 to whatever it saw a reader choose, and noise to all else: perfect on its own training, worth nothing
    after. The truth is popularity."""

    VISITS, LIKING = position_biased_log(800, 8, explored=1, seed=7, truth=(0, 2))

    def scored(self, learned_until_s: float, *, says: float) -> Visits:
        """The log with scores of a retriever that learned until `learned_until_s`, and says that it is `says`."""
        visits = self.VISITS
        noise = np.random.default_rng(8).normal(size=visits.num_rows) / 10
        memorised = (visits.labels == POSITIVE) & (visits.served_s < learned_until_s)
        features = visits.features.copy()
        features[:, NEAR] = memorised + noise
        return replace(visits, features=features, trained_until_s=np.full(visits.num_rows, says))

    def trust(self, artefact: RankerArtefact) -> float:
        """Of what the ranker says of new candidates, the share that comes from the retrieval score."""
        fresh, _ = position_biased_log(200, 8, explored=1, seed=9, truth=(0, 2))
        fresh.features[:, NEAR] = np.random.default_rng(10).normal(size=fresh.num_rows) / 10
        said = np.abs(artefact.order.contributions(fresh.features)[:, :-1]).sum(axis=0)
        return float(said[NEAR] / said.sum())

    def test_would_be_trusted_if_nobody_looked(self) -> None:
        """It hides when it was trained: the ranker learns to believe it, and new visits are ranked at random."""
        fooled = trained(self.scored(UNTIL.timestamp(), says=np.nan))
        assert self.trust(fooled) > 0.5
        assert fooled.report["later"]["ndcg"]["ranker"] > 0.99

    def test_is_refused(self) -> None:
        with pytest.raises(LeakError, match="rows carry a retriever that learned from what came after"):
            trained(self.scored(UNTIL.timestamp(), says=UNTIL.timestamp()))

    def test_is_not_trusted_by_way_of_its_shadow(self) -> None:
        """The same retriever, trained up to the beginning of the window, knows none of its labels."""
        artefact = trained(self.scored(SINCE.timestamp(), says=SINCE.timestamp()))
        assert self.trust(artefact) < 0.15
        assert agreement(artefact, self.VISITS.features, self.LIKING) > 0.85


@pytest.mark.parametrize(("viewed_gain", "sinks"), [(0.5, True), (0.0, False)])
def test_what_is_dismissed_sinks_below_what_is_passed_over(viewed_gain: float, sinks: bool) -> None:
    """Chosen is what is popular; of the rest, what is near is dismissed. Whoever gives being viewed no gain cannot
    tell those two apart."""
    rng = np.random.default_rng(11)
    near, liked = rng.normal(size=(2, 500, 6))
    labels = np.where(near > 0, DISMISSED, NEGATIVE)
    labels[np.arange(500), liked.argmax(axis=1)] = POSITIVE
    features = features_of(3_000, near_score=near.ravel(), popularity=liked.ravel())
    visits = visits_of([6] * 500, labels.ravel(), features=features)
    artefact = trained(visits, config=replace(FAST, viewed_gain=viewed_gain, refit=False))
    passed_over, dismissed = artefact.order.scores(
        features_of(2, near_score=np.array([-1.0, 1.0]), popularity=np.zeros(2))
    )
    assert (passed_over > dismissed + 0.1) == sinks


def test_higher_kinds_pull_harder() -> None:
    """One item of each visit is clicked and another saved; which is which shows in a feature."""
    rng = np.random.default_rng(12)
    kind = np.argsort(rng.random((300, 5)), axis=1)  # 0 clicked, 1 saved, the rest passed over
    labels = np.where(kind < 2, POSITIVE, NEGATIVE).ravel()
    gains = np.select([kind == 0, kind == 1], [1, 3], 0).ravel().astype(np.int16)
    visits = visits_of([5] * 300, labels, gains=gains, features=features_of(1_500, popularity=kind.ravel()))
    artefact = trained(visits)
    clicked, saved, passed = artefact.order.scores(features_of(3, popularity=np.array([0, 1, 2])))
    assert saved > clicked > passed
    assert artefact.gains == (0, 0.5, 1.5, 2.5, 3.5)


def test_visits_without_a_positive_are_counted_and_said() -> None:
    visits, _ = position_biased_log(300, 8, explored=0.5, seed=4, truth=(0, 2))
    report = trained(visits).report
    expected = int((~visits.has_positive).sum())
    assert report["visits"] == 300
    assert report["visits_without_positive"] == report["unlearnable_visits"] == expected > 0
    assert sum(report["rows_by_label"].values()) == report["rows"] == 2_400


def test_a_bootstrap_is_trained_without_position_and_without_probability() -> None:
    rng = np.random.default_rng(13)
    liked = rng.normal(size=(200, 30))
    chosen = liked == liked.max(axis=1, keepdims=True)
    features = features_of(6_000, popularity=liked.ravel(), fusion=rng.random(6_000))
    artefact = trained(bootstrap_of([30] * 200, chosen.ravel(), features=features))
    assert artefact.bootstrap
    assert artefact.click_model is None
    assert artefact.report["calibration"] is None
    assert artefact.report["later"]["position_weighted_ndcg"] is None
    assert "as_shown" not in artefact.report["later"]["ndcg"]
    assert artefact.report["later"]["beats_input_order"]
    assert agreement(artefact, features, liked.ravel()) > 0.5


def test_refitting_learns_from_the_later_window_too() -> None:
    visits, _ = position_biased_log(300, 8, explored=0.5, seed=4, truth=(0, 2))
    with_it, without = trained(visits), trained(visits, config=replace(FAST, refit=False))
    assert text_of(with_it) != text_of(without)
    assert with_it.report == without.report


def test_a_ranker_that_does_not_beat_its_input_says_so() -> None:
    """The order that was shown is the truth, and the features know nothing."""
    visits, _ = position_biased_log(400, 8, explored=0, seed=4, truth=(2, 0))
    noise = np.random.default_rng(0).normal(size=visits.num_rows)
    blind = replace(visits, features=features_of(visits.num_rows, popularity=noise))
    later = trained(blind, config=replace(FAST, click_model=None)).report["later"]
    assert later["best_input_order"] == "as_shown"
    assert later["lead_over_it"] < 0
    assert not later["beats_input_order"]


def test_what_is_measured_is_measured_on_later_visits_only() -> None:
    visits, _ = position_biased_log(300, 8, explored=0.5, seed=4, truth=(0, 2))
    artefact = trained(visits, config=replace(FAST, refit=False))
    _, later = (visits.take(mask) for mask in split_in_time(visits, FAST.later_share))
    values = ndcg_at_k(artefact.order.scores(later.features), later.gains, later.visit_sizes, FAST.ndcg_at)
    assert artefact.report["later"]["visits"] == later.num_visits == 60
    assert artefact.report["later"]["ndcg"]["ranker"] == pytest.approx(np.nanmean(values))


def test_a_visit_that_lies_across_the_windows_is_in_neither() -> None:
    served_s = np.array([0.0, 1, 2, 9, 3, 4, 8, 9]) + SINCE.timestamp()
    visits = visits_of([2, 2, 2, 2], [POSITIVE, NEGATIVE] * 4, served_s=served_s, known_until_s=served_s - 1)
    earlier, later = split_in_time(visits, 0.25)
    assert earlier.tolist() == [True, False, True, False]
    assert later.tolist() == [False, False, False, True]


SMALL, _ = position_biased_log(60, 4, explored=1, seed=0, truth=(0, 2))
NOBODY_AT_THE_END = np.where(np.arange(240) < 180, SMALL.labels, NEGATIVE).astype(np.int8)


@pytest.mark.parametrize(
    ("visits", "said"),
    [
        (SMALL.take(np.zeros(60, bool)), "No visit at all"),
        (SMALL.take(~SMALL.has_positive), "No visit with a positive among the .* earlier"),
        (
            replace(SMALL, labels=NOBODY_AT_THE_END, gains=(NOBODY_AT_THE_END == POSITIVE).astype(np.int16)),
            "No visit with a positive among the .* later",
        ),
        (visits_of([1] * 60, [POSITIVE, NEGATIVE] * 30), "one candidate only"),
        (visits_of([2] * 60, [POSITIVE] * 120), "no order can be told"),
        (replace(SMALL, served_s=np.full(240, UNTIL.timestamp() - 1)), "no later window"),
    ],
)
def test_visits_from_which_no_order_can_be_learned_are_refused_by_name(visits: Visits, said: str) -> None:
    with pytest.raises(NothingToLearn, match=said):
        trained(visits)


def test_a_visit_in_two_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="more than one part"):
        trained(SMALL, SMALL.take(np.arange(60) == 7))


def test_rows_of_another_window_are_refused() -> None:
    with pytest.raises(VisitsError, match="served outside"):
        train_ranker([SMALL], FAST, since=SINCE + timedelta(days=1), until=UNTIL, feature_set=FEATURE_SET)


def test_rows_of_another_feature_set_are_refused() -> None:
    with pytest.raises(VisitsError, match="columns"):
        train_ranker([SMALL], FAST, since=SINCE, until=UNTIL, feature_set=FeatureSet.of(["near", "far"]))


def test_a_visit_larger_than_lightgbm_takes_is_refused() -> None:
    sizes = [2, 2, MOST_ROWS + 1]
    with pytest.raises(VisitsError, match="at most 10000"):
        trained(visits_of(sizes, [POSITIVE, NEGATIVE, POSITIVE, NEGATIVE] + [NEGATIVE] * (MOST_ROWS + 1)))
