"""A ranker from history: which events are labels, what stands beside them, and what is made of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from ranking.artefact import RankerArtefact
from ranking.order import BoostedOrder, RetrievalOrder
from ranking.visits import ASSUMED_NEGATIVE, POSITIVE
from recsite.funnel.as_of import HistoryCatalogues
from recsite.funnel.sources import FEATURE_SET
from recsite.training.asking import FunnelInTime
from recsite.training.bootstrap import bootstrap_ranker, groups, label_rows, sampled
from recsite.training.configs import ranker_config
from recsite.training.examples import History
from tests.factories import NOW
from tests.recsite.funnel.world import fusion_ranker, small_stage
from tests.recsite.training.histories import make_history, make_positive, make_positives, small_history
from tests.retrieval.worlds import START, UNTIL

HOUR = timedelta(hours=1)
T1 = START + timedelta(days=2)
CONFIG = replace(ranker_config("small", bootstrap=True), num_leaves=5, min_rows_in_leaf=10, num_trees=30)


def labels_of(*counts: int, **fields: Any) -> list[int]:
    """Readers who teach, of readers 1, 2, ... with so many choices each after NOW."""
    rows = [
        make_positive(reader, 101 + place, NOW + (place + 1) * HOUR, history=(100,), **fields)
        for reader, count in enumerate(counts, start=1)
        for place in range(count)
    ]
    return np.unique(label_rows(make_positives(*rows), NOW)["reader_id"].to_numpy()).tolist()


def funnel_at(history: History) -> FunnelInTime:
    return FunnelInTime(small_stage(), fusion_ranker(), HistoryCatalogues(history.items, history.interactions()))


def learned(history: History, **options: Any) -> RankerArtefact:
    values: dict[str, Any] = {
        "trained_until": T1,
        "until": UNTIL,
        "first_chosen_s": history.first_chosen_s,
        "most": 1_000,
    } | options
    labels = history.between(T1, UNTIL)
    return bootstrap_ranker(funnel_at(history), labels, CONFIG, **values)


def test_readers_with_five_label_events_teach() -> None:
    assert labels_of(4, 5, 6) == [2, 3]


def test_where_nobody_has_five_those_with_the_most_teach() -> None:
    assert labels_of(3, 2, 3) == [1, 3]


def test_a_choice_without_a_history_is_no_label() -> None:
    rows = make_positives(make_positive(1, 101, NOW + HOUR), make_positive(1, 102, NOW + 2 * HOUR, history=(101,)))
    assert label_rows(rows, NOW)["item_id"].to_pylist() == [102]


def test_an_answer_to_what_was_served_before_the_shadow_was_trained_is_no_label() -> None:
    assert labels_of(5, state_at=NOW - HOUR) == []


def test_all_positives_stay_and_negatives_are_drawn_whatever_their_place() -> None:
    is_positive = np.zeros(1_000, bool)
    is_positive[[3, 900]] = True
    rows = sampled(is_positive, np.random.default_rng(0))
    assert len(rows) == 202
    assert {3, 900} <= set(rows.tolist())
    assert 400 < np.median(rows) < 600


def test_a_group_knows_nothing_later_than_its_moment() -> None:
    history = make_history(
        make_positive(1, 107, START),
        make_positive(2, 103, T1 + HOUR, history=(101,)),
        make_positive(2, 105, T1 + 2 * HOUR, history=(101, 103)),
    )
    found = groups(
        funnel_at(history),
        history.between(T1, UNTIL),
        trained_until=T1,
        first_chosen_s=history.first_chosen_s,
        seed=0,
    )
    visits = found.visits
    assert visits is not None
    assert (found.asked, found.not_retrieved) == (2, 0)
    assert visits.visit_sizes.tolist() == [23, 22]  # all items but those of the history
    assert np.unique(visits.served_s).tolist() == [(T1 + hours * HOUR).timestamp() for hours in (1, 2)]
    assert np.unique(visits.trained_until_s).tolist() == [T1.timestamp()]
    assert np.bincount(visits.labels)[[POSITIVE, ASSUMED_NEGATIVE]].tolist() == [2, 43]
    assert visits.features.shape == (45, len(FEATURE_SET))
    assert visits.cold.sum() == 43  # all but item 107, which stands in both


def test_who_can_learn_more_than_fusion_does() -> None:
    """Fusion trusts popular items of the wrong parity as much as anything; the label events say better."""
    ranker = learned(small_history())
    assert isinstance(ranker.order, BoostedOrder), ranker.report
    assert ranker.bootstrap
    assert ranker.since == T1
    later = ranker.report["later"]["ndcg"]
    assert later["ranker"] > later["fusion"]
    assert ranker.report["bootstrap"]["labels"] == 40 * 5


def test_labels_of_chance_leave_the_order_to_fusion() -> None:
    """Everybody chooses anything: whatever is learned is not better on the later events."""
    rng = np.random.default_rng(0)
    rows = [
        make_positive(
            reader, int(item), T1 + (40 * place + reader) * timedelta(minutes=7), history=(100 + reader % 20,)
        )
        for reader in range(1, 41)
        for place, item in enumerate(rng.permutation(np.arange(100, 124))[:5])
    ]
    ranker = learned(make_history(*rows))
    assert isinstance(ranker.order, RetrievalOrder)
    assert ranker.order.source is None
    assert "not better than fusion" in ranker.report["why"]


@pytest.mark.parametrize("item", [101, 999])
def test_nothing_to_learn_from_leaves_the_order_to_fusion_and_says_why(item: int) -> None:
    """One label alone, or one of an item that is not there."""
    ranker = learned(make_history(make_positive(1, item, T1 + HOUR, history=(103,))))
    assert isinstance(ranker.order, RetrievalOrder)
    assert ranker.report["why"]
    assert ranker.report["bootstrap"]["labels"] == 1
