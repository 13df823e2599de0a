from __future__ import annotations

import numpy as np
import pytest

from benchmarks.retrieval_ratings import DataError, Ratings, first_times
from retrieval.interactions import Interactions
from tests.benchmarks.small_ratings import catalogue, ratings_of


def test_an_item_idx_is_the_row_of_the_catalogue() -> None:
    dataset = ratings_of({1: [102, 100], 2: [101]}, num_items=3)
    assert dataset.item_idx.tolist() == [2, 1, 0]
    assert dataset.items["item_id"].to_numpy()[dataset.item_idx].tolist() == dataset.interactions.item_ids.tolist()


def test_a_repeat_is_dropped_and_ties_stay_as_they_came() -> None:
    kept = first_times(np.array([1, 1, 2, 1]), np.array([5, 6, 5, 5]), np.array([9.0, 3.0, 3.0, 3.0]))
    assert kept.tolist() == [1, 2, 3]


def test_what_cannot_be_measured_on_is_refused_by_its_cause() -> None:
    with pytest.raises(DataError, match="twice"):
        ratings_of({1: [100, 100]}, num_items=1)
    with pytest.raises(DataError, match="not in the catalogue, 105 among them"):
        ratings_of({1: [105]}, num_items=1)
    nobody = Interactions.in_order(np.empty(0), np.empty(0), np.empty(0))
    with pytest.raises(DataError, match="no events"):
        Ratings("empty", nobody, None, None, catalogue([1]), {})
    with pytest.raises(DataError, match="schema"):
        Ratings(
            "odd", ratings_of({1: [100]}, num_items=1).interactions, None, None, catalogue([100]).drop(["title"]), {}
        )


def test_a_fingerprint_changes_with_any_event() -> None:
    dataset = ratings_of({1: [100, 101]}, num_items=2, ratings=[1, 2])
    assert dataset.fingerprint == ratings_of({1: [100, 101]}, num_items=2, ratings=[1, 2]).fingerprint
    others = [
        ratings_of({1: [101, 100]}, num_items=2, ratings=[1, 2]),
        ratings_of({1: [100, 101]}, num_items=2, ratings=[1, 3]),
        ratings_of({1: [100, 101]}, num_items=3, ratings=[1, 2]),
        ratings_of({2: [100, 101]}, num_items=2, ratings=[1, 2]),
    ]
    assert len({dataset.fingerprint, *(other.fingerprint for other in others)}) == 5


def test_some_readers_keep_all_their_events_and_the_whole_catalogue() -> None:
    dataset = ratings_of({reader: [100, 101, 102] for reader in range(20)}, num_items=4, ratings=range(60))
    some = dataset.of_some_readers(5, seed=1)
    assert (len(some), some.num_items, len(np.unique(some.interactions.reader_ids))) == (15, 4, 5)
    rows = [
        np.flatnonzero((dataset.interactions.reader_ids == reader) & (dataset.interactions.item_ids == item))[0]
        for reader, item in zip(some.interactions.reader_ids, some.interactions.item_ids, strict=True)
    ]
    assert some.ratings is not None
    assert some.ratings.tolist() == rows
    assert dataset.of_some_readers(20, seed=1) is dataset
