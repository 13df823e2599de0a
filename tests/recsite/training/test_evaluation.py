"""How lists are measured: by hand where a list is given, by direction in a world with a known answer."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest

from ranking.artefact import RankerArtefact
from recsite.funnel.as_of import HistoryCatalogues
from recsite.training.asking import FunnelInTime
from recsite.training.evaluation import (
    ALL,
    FEED,
    FUNNEL,
    FUSION,
    POPULARITY,
    TWO_TOWER,
    UNPROMPTED,
    Measured,
    NothingToMeasure,
    compare,
    measure,
)
from recsite.training.examples import History
from tests.recsite.funnel.world import boosted_ranker, fusion_ranker, small_stage
from tests.recsite.training.histories import make_history, make_positive, small_history
from tests.retrieval.worlds import START, UNTIL

SINCE = START + timedelta(days=3)


def measured(history: History | None = None, ranker: RankerArtefact | None = None, most: int = 200) -> Measured:
    history = history or small_history()
    funnel_at = FunnelInTime(
        small_stage(), ranker or fusion_ranker(), HistoryCatalogues(history.items, history.interactions())
    )
    return measure(funnel_at, history.between(SINCE, UNTIL), learned=history.interactions(SINCE), most=most)


def test_a_relative_difference_is_that_of_the_means() -> None:
    """1.5 times as good for everybody: no draw says anything else."""
    theirs = np.array([0.2, 0.4, 0.6])
    found = compare(theirs * 1.5, theirs)
    assert found.relative == pytest.approx(0.5)
    assert found.lower == pytest.approx(0.5)
    assert found.upper == pytest.approx(0.5)


def test_an_interval_is_the_same_in_whichever_order_readers_come() -> None:
    """They come by random ids: the same world played again would have another interval, and might be refused for it."""
    rng = np.random.default_rng(2)
    ours, theirs = rng.random(80), rng.random(80)
    ours[3] = np.nan
    other = rng.permutation(80)
    assert compare(ours, theirs) == compare(ours[other], theirs[other])


def test_readers_without_a_value_on_one_side_do_not_count() -> None:
    found = compare(np.array([0.3, np.nan, 0.9]), np.array([0.2, 0.1, np.nan]))
    assert found.relative == pytest.approx(0.5)


def test_what_readers_disagree_about_is_uncertain() -> None:
    rng = np.random.default_rng(0)
    theirs = rng.random(100)
    ours = theirs + rng.normal(0, 0.3, 100)
    found = compare(ours, theirs)
    assert found.lower < found.relative < found.upper
    assert found.lower < 0 < found.upper


def test_something_against_nothing_is_infinitely_better() -> None:
    assert compare(np.array([0.5, 0.5]), np.zeros(2)).lower == np.inf
    assert compare(np.zeros(2), np.zeros(2)).relative == 0


def test_readers_that_are_not_parallel_are_refused() -> None:
    with pytest.raises(ValueError, match="parallel"):
        compare(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="nothing to compare"):
        compare(np.array([np.nan]), np.array([1.0]))


def test_who_knows_parity_beats_popularity() -> None:
    """Half of what is popular is of no use to anybody."""
    found = measured()
    ndcg = {name: values.mean() for name, values in found.ndcg_at_10.items()}
    assert ndcg[FUSION] > ndcg[POPULARITY]
    assert ndcg[TWO_TOWER] > ndcg[POPULARITY]
    assert compare(found.ndcg_at_10[FUSION], found.ndcg_at_10[POPULARITY]).lower > 0
    assert found.ndcg_at_10[FUNNEL].tolist() == found.ndcg_at_10[FUSION].tolist()
    assert found.retrieved.min() == 1  # of 24 items every source may name all


def test_the_rankers_own_order_is_what_is_called_the_funnel() -> None:
    found = measured(ranker=boosted_ranker())
    assert found.ndcg_at_10[FUNNEL].tolist() != found.ndcg_at_10[FUSION].tolist()


def test_everybody_counts_once_and_the_same_moments_are_drawn_for_everyone() -> None:
    fused, boosted = measured(most=40), measured(ranker=boosted_ranker(), most=40)
    assert fused.reader_ids.tolist() == boosted.reader_ids.tolist() == list(range(1, 41))
    assert fused.moments == boosted.moments == 40
    assert fused.ndcg_at_10[POPULARITY].tolist() == boosted.ndcg_at_10[POPULARITY].tolist()


def test_recall_is_told_apart_by_who_caused_the_choice() -> None:
    at = SINCE + timedelta(hours=1)
    history = make_history(
        make_positive(1, 101, SINCE - timedelta(days=1)),
        make_positive(1, 103, at, history=(101,), unprompted=False),
        make_positive(2, 103, at, history=(101,)),
    )
    found = measured(history)
    assert found.recall_at_100[ALL].tolist() == [1, 1]
    assert np.isnan(found.recall_at_100[UNPROMPTED]).tolist() == [True, False]
    assert np.isnan(found.recall_at_100[FEED]).tolist() == [False, True]
    assert (found.positives, found.unprompted) == (2, 1)


def test_cold_items_are_those_that_nobody_had_chosen_before_the_window() -> None:
    history = make_history(
        make_positive(1, 101, SINCE - timedelta(days=1)),
        make_positive(2, 103, SINCE + timedelta(hours=1), history=(101,)),
        make_positive(3, 101, SINCE + timedelta(hours=2), history=(105,)),
    )
    assert measured(history).cold == 0.5


def test_what_is_measured_is_plain_json() -> None:
    said = json.loads(json.dumps(measured(most=40).as_json(), allow_nan=False))
    assert said["readers"] == 40
    assert 0 < said["ndcg_at_10 fusion"] <= 1


def test_a_window_in_which_nothing_new_was_chosen_says_so() -> None:
    history = make_history(make_positive(1, 101, SINCE + timedelta(hours=1), history=(101,)))
    with pytest.raises(NothingToMeasure, match="1 positives"):
        measured(history)


def test_what_came_out_with_its_first_choice_is_not_asked_for() -> None:
    """Its date was made of that choice: an age of nothing would tell the answer."""
    at = SINCE + timedelta(hours=1)
    history = make_history(make_positive(1, 101, SINCE - timedelta(days=1)), make_positive(2, 103, at, history=(101,)))
    dated = history.items["published_at"].to_pylist()
    dated[3] = at + timedelta(days=2)  # item 103
    items = history.items.set_column(6, "published_at", [dated]).cast(history.items.schema)
    with pytest.raises(NothingToMeasure):
        measured(History(history.positives, items))
