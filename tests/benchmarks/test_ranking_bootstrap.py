from __future__ import annotations

import numpy as np
import pytest

from benchmarks import ranking_sources
from benchmarks.ranking_bootstrap import MOST_NEGATIVES, groups, newest_learned_s, sampled, train
from benchmarks.ranking_labels import label_split
from benchmarks.ranking_requests import FEATURE_SET, Requests
from benchmarks.retrieval_protocols import Split, splits
from benchmarks.retrieval_ratings import DataError
from benchmarks.retrieval_world import made_up_world
from ranking.order import BoostedOrder
from ranking.visits import ASSUMED_NEGATIVE, POSITIVE
from tests.benchmarks.small_funnel import RANKER, popular_sources

WORLD = made_up_world(40, 200, seed=0)


def shadow_of(protocol: str) -> Split:
    (split,) = splits(WORLD, protocol)
    shadow = label_split(WORLD, split.unanswered())
    return Split(shadow.name, shadow.train_rows, shadow.queries.take(np.arange(min(60, len(shadow.queries)))))


def requests_of(shadow: Split) -> Requests:
    return Requests.of(WORLD, popular_sources(WORLD, shadow), shadow.train_rows)


@pytest.mark.parametrize("protocol", ["B", "C"])
def test_a_group_holds_every_positive_that_a_source_named_beside_assumed_negatives(protocol: str) -> None:
    shadow = shadow_of(protocol)
    learned = groups(WORLD, requests_of(shadow), shadow, seed=0)
    visits = learned.visits
    positives = np.bincount(visits.visit_of_row, visits.labels == POSITIVE)
    assert (positives >= 1).all()
    assert set(visits.labels.tolist()) == {POSITIVE, ASSUMED_NEGATIVE}
    wanted = sum(len(labels) for labels in shadow.queries.targets)
    assert positives.sum() + learned.not_retrieved == wanted
    assert learned.asked == len(shadow.queries)
    assert visits.assumed
    assert visits.features.shape[1] == len(FEATURE_SET)
    assert np.isin(visits.served_s, shadow.queries.at_s).all()


def test_what_was_not_retrieved_is_counted_and_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_sources, "ASKED_FOR", 3)
    shadow = shadow_of("B")
    learned = groups(WORLD, requests_of(shadow), shadow, seed=0)
    assert 0 < learned.visits.num_visits < learned.asked
    assert learned.not_retrieved == learned.asked - learned.visits.num_visits
    nothing = np.setdiff1d(np.arange(len(WORLD)), shadow.train_rows)[:0]
    blind = Split(shadow.name, shadow.train_rows, shadow.queries.take(nothing))
    with pytest.raises(DataError, match="no source named"):
        groups(WORLD, requests_of(shadow), blind, seed=0)


def test_negatives_are_drawn_alike_whatever_their_place() -> None:
    """Taken by place, positives of a place would meet too few others there, and a ranker would look for that place."""
    is_positive = np.zeros(1_000, bool)
    is_positive[[3, 700]] = True
    rng = np.random.default_rng(0)
    drawn = [sampled(is_positive, rng) for _ in range(300)]
    assert all(np.isin([3, 700], rows).all() for rows in drawn)
    assert {len(rows) for rows in drawn} == {2 * MOST_NEGATIVES + 2}
    times = np.bincount(np.concatenate(drawn), minlength=1_000)[~is_positive] / 300
    assert abs(times[:500].mean() - times[500:].mean()) < 0.01
    assert sampled(is_positive[:50], rng).tolist() == list(range(50))  # few enough to keep all


def test_the_newest_learned_is_the_readers_own_by_hand() -> None:
    (split,) = splits(WORLD, "B")
    events, rows = WORLD.interactions, split.train_rows
    reader = int(split.queries.reader_ids[-1])
    own = rows[events.reader_ids[rows] == reader]
    others = rows[events.reader_ids[rows] != reader]
    assert newest_learned_s(WORLD, split.queries, rows)[-1] == events.times_s[own[-1]]
    assert np.isnan(newest_learned_s(WORLD, split.queries, others)[-1])


def test_the_ranker_reads_the_columns_of_the_sources_and_is_the_same_again() -> None:
    shadow = shadow_of("B")
    learned = groups(WORLD, requests_of(shadow), shadow, seed=0)
    ranker, again = (train(learned, seed=3, config=RANKER) for _ in range(2))
    assert isinstance(ranker.order, BoostedOrder)
    assert ranker.order.model.names == FEATURE_SET.names
    assert ranker.bootstrap
    assert ranker.click_model is None
    assert ranker.config is not None
    assert (ranker.config.seed, ranker.config.num_leaves) == (3, RANKER.num_leaves)
    features = learned.visits.features
    np.testing.assert_array_equal(ranker.order.scores(features), again.order.scores(features))
