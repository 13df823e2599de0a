from __future__ import annotations

import numpy as np
import pytest

from benchmarks.ranking_labels import LABEL_EVENTS, label_split
from benchmarks.retrieval_protocols import Split, splits
from benchmarks.retrieval_ratings import DataError, Ratings
from benchmarks.retrieval_world import made_up_world
from retrieval.interactions import Interactions
from tests.benchmarks.small_ratings import catalogue, ratings_of

WORLD = made_up_world(80, 400, seed=0)


def everything(dataset: Ratings, name: str = "B") -> Split:
    (split,) = splits(dataset, "A")
    return Split(name, np.arange(len(dataset)), split.queries)


def targets(split: Split) -> np.ndarray:
    return np.concatenate(list(split.queries.targets))


def test_the_last_ten_become_labels_by_hand() -> None:
    dataset = ratings_of({1: range(100, 125), 2: range(100, 119)}, num_items=30)
    shadow = label_split(dataset, everything(dataset))
    events = dataset.interactions
    assert shadow.queries.reader_ids.tolist() == [1] * 10  # 2 has 19 events, too few
    assert events.item_ids[targets(shadow)].tolist() == list(range(115, 125))
    assert events.item_ids[shadow.queries.history[0]].tolist() == list(range(100, 115))
    assert events.item_ids[shadow.queries.history[9]].tolist() == list(range(100, 124))  # fresh: earlier labels too
    assert shadow.queries.at_s.tolist() == list(range(15, 25))
    assert sorted(events.item_ids[shadow.train_rows]) == sorted([*range(100, 115), *range(100, 119)])


@pytest.mark.parametrize("protocol", ["A", "B", "C"])
def test_no_label_is_in_what_shadows_learn_from_nor_in_what_is_asked(protocol: str) -> None:
    (split,) = splits(WORLD, protocol)
    shadow = label_split(WORLD, split.unanswered())
    labels, asked = targets(shadow), np.concatenate(list(split.queries.targets))
    assert not np.isin(labels, shadow.train_rows).any()
    assert not np.isin(labels, asked).any()
    assert sorted([*labels, *shadow.train_rows]) == sorted(split.train_rows)
    per_reader = np.unique(WORLD.interactions.reader_ids[labels], return_counts=True)[1]
    assert per_reader.min() >= 5


@pytest.mark.parametrize("protocol", ["A", "B", "C"])
def test_states_of_labels_hold_nothing_later_and_no_label_of_their_own_group(protocol: str) -> None:
    (split,) = splits(WORLD, protocol)
    queries = label_split(WORLD, split.unanswered()).queries
    events = WORLD.interactions
    for reader, at_s, history, labels in zip(
        queries.reader_ids, queries.at_s, queries.history, queries.targets, strict=True
    ):
        assert (events.times_s[history] <= at_s).all()
        assert (events.reader_ids[history] == reader).all()
        assert (events.reader_ids[labels] == reader).all()
        assert len(history)
        assert not np.isin(labels, history).any()
        if protocol != "C":
            assert (history < labels.min()).all()  # rows are in order of time


def test_at_random_a_fifth_is_asked_for_at_once_and_histories_hold_none_of_it() -> None:
    (split,) = splits(WORLD, "C")
    shadow = label_split(WORLD, split)
    assert len(np.unique(shadow.queries.reader_ids)) == len(shadow.queries)
    assert not np.isin(np.concatenate(list(shadow.queries.history)), targets(shadow)).any()
    for history, labels in zip(shadow.queries.history, shadow.queries.targets, strict=True):
        assert len(labels) == max(5, round(0.2 * (len(history) + len(labels))))


def test_what_happened_in_the_same_second_as_the_first_label_is_one_too() -> None:
    readers, times = np.ones(25, np.int64), np.arange(25.0)
    times[12:16] = 15  # the first label would be the 16th event, at 15
    dataset = Ratings(
        "ties", Interactions.in_order(readers, np.arange(25), times), None, None, catalogue(range(25)), {}
    )
    shadow = label_split(dataset, everything(dataset))
    assert dataset.item_idx[targets(shadow)].tolist() == list(range(12, 25))


def test_whole_readers_are_drawn_and_the_others_keep_their_events() -> None:
    (split,) = splits(WORLD, "B")
    all_labels, some = label_split(WORLD, split), label_split(WORLD, split, most=100)
    assert 100 - LABEL_EVENTS < len(some.queries) <= 100
    events = WORLD.interactions
    for reader in np.unique(some.queries.reader_ids):
        own = events.reader_ids[targets(all_labels)] == reader
        assert np.isin(targets(all_labels)[own], targets(some)).all()
    assert len(some.train_rows) + len(some.queries) == len(split.train_rows)


def test_too_little_history_is_said() -> None:
    dataset = ratings_of({1: range(100, 110)}, num_items=12)
    with pytest.raises(DataError, match="20 events"):
        label_split(dataset, everything(dataset))
