from __future__ import annotations

import numpy as np
import pytest

from benchmarks import retrieval_protocols
from benchmarks.retrieval_protocols import PROTOCOLS, Queries, RowLists, Split, splits
from benchmarks.retrieval_ratings import DataError, Ratings
from benchmarks.retrieval_world import made_up_world
from tests.benchmarks.small_ratings import ratings_of

WORLD = made_up_world(60, 120, seed=0)


def every_split(dataset: Ratings) -> list[Split]:
    asked = [split for protocol in PROTOCOLS for split in splits(dataset, protocol)]
    return asked + [split.validation for split in asked if split.validation is not None]


def items(dataset: Ratings, lists: RowLists) -> list[list[int]]:
    return [dataset.interactions.item_ids[rows].tolist() for rows in lists]


def all_targets(queries: Queries) -> np.ndarray:
    return np.unique(np.concatenate(list(queries.targets)))


def test_the_last_item_out_by_hand() -> None:
    dataset = ratings_of({1: [100, 101, 102], 2: [101, 100], 3: [102]}, num_items=3)
    (split,) = splits(dataset, "A")
    assert split.queries.reader_ids.tolist() == [1, 2]
    assert items(dataset, split.queries.history) == [[100, 101], [101]]
    assert items(dataset, split.queries.targets) == [[102], [100]]
    assert split.queries.at_s.tolist() == [2, 1]
    assert dataset.interactions.item_ids[split.train_rows].tolist() == [100, 101, 102, 101]
    assert split.validation is not None  # the second last; back in `split.train_rows`
    assert items(dataset, split.validation.queries.targets) == [[101]]
    assert items(dataset, split.validation.queries.history) == [[100]]
    assert split.validation.validation is None


def test_the_last_ten_are_asked_one_by_one_with_all_that_came_before() -> None:
    dataset = ratings_of({1: range(100, 112), 2: range(100, 103)}, num_items=12)
    (split,) = splits(dataset, "B")
    assert split.queries.reader_ids.tolist() == [1] * 10 + [2] * 2
    assert items(dataset, split.queries.targets) == [[item] for item in [*range(102, 112), 101, 102]]
    histories = items(dataset, split.queries.history)
    assert histories[0] == [100, 101]
    assert histories[9] == list(range(100, 111))
    assert histories[10:] == [[100], [100, 101]]


def test_models_are_blind_to_all_ten() -> None:
    (split,) = splits(WORLD, "B")
    assert not np.isin(all_targets(split.queries), split.train_rows).any()
    for reader in np.unique(WORLD.interactions.reader_ids):
        own = np.flatnonzero(WORLD.interactions.reader_ids == reader)
        held = min(10, len(own) - 1)
        assert np.isin(own[:-held], split.train_rows).all()
        assert not np.isin(own[-held:], split.train_rows).any()


def test_a_random_fifth_of_each_readers_items_is_held_back() -> None:
    (split,) = splits(WORLD, "C")
    assert split.validation is not None
    for part, before in ((split, np.arange(len(WORLD))), (split.validation, split.train_rows)):
        had = dict(zip(*np.unique(WORLD.interactions.reader_ids[before], return_counts=True), strict=True))
        for reader, history, targets in zip(
            part.queries.reader_ids, part.queries.history, part.queries.targets, strict=True
        ):
            assert len(targets) == np.rint(0.2 * had[reader])
            assert len(history) + len(targets) == had[reader]
        together = np.concatenate([part.train_rows, all_targets(part.queries)])
        assert (np.sort(together) == before).all()
    moved = [
        targets.max() < history.max()
        for history, targets in zip(split.queries.history, split.queries.targets, strict=True)
    ]
    assert any(moved)  # not the last fifth


def test_a_random_fifth_is_asked_just_after_the_last_event_left() -> None:
    (split,) = splits(WORLD, "C")
    last = [WORLD.interactions.times_s[history].max() for history in split.queries.history]
    assert (split.queries.at_s - last).tolist() == [1] * len(last)


def test_readers_of_one_or_two_events_are_never_asked_about_in_c() -> None:
    dataset = ratings_of({1: [100, 101], 2: [100], 3: [100, 101, 102]}, num_items=3)
    (split,) = splits(dataset, "C")
    assert split.queries.reader_ids.tolist() == [3]
    assert len(split.train_rows) == 5


def test_nothing_a_query_knows_is_its_answer_or_later() -> None:
    for split in every_split(WORLD):
        times = WORLD.interactions.times_s
        for reader, at_s, history, targets in zip(
            split.queries.reader_ids, split.queries.at_s, split.queries.history, split.queries.targets, strict=True
        ):
            assert (WORLD.interactions.reader_ids[history] == reader).all()
            assert (WORLD.interactions.reader_ids[targets] == reader).all()
            assert not np.isin(WORLD.item_idx[targets], WORLD.item_idx[history]).any()
            assert (np.diff(history) > 0).all()
            assert (times[history] <= at_s).all()
            if not split.name.startswith("C"):
                assert history.max() < targets.min()


def test_validation_is_made_of_training_rows_alone() -> None:
    for protocol in PROTOCOLS:
        for split in splits(WORLD, protocol):
            assert split.validation is not None
            inner = split.validation
            touched = np.concatenate([inner.train_rows, all_targets(inner.queries), *inner.queries.history])
            assert np.isin(touched, split.train_rows).all()
            assert not np.isin(all_targets(inner.queries), inner.train_rows).any()
            assert not np.isin(touched, all_targets(split.queries)).any()


def test_the_validation_of_last_items_is_what_came_just_before_them() -> None:
    (split,) = splits(WORLD, "A")
    assert split.validation is not None
    last_known = np.sort([history[-1] for history in split.queries.history])
    assert np.isin(all_targets(split.validation.queries), last_known).all()


def test_cold_readers_and_items_take_no_part_in_training() -> None:
    readers, found, among = splits(WORLD, "cold")
    assert (readers.name, found.name, among.name) == ("cold readers", "cold items", "cold items, among themselves")
    assert found.candidates is None
    new = among.candidates
    assert new is not None
    assert new.sum() == 12
    trained = WORLD.item_idx[readers.train_rows]
    assert not new[trained].any()
    cold = np.unique(readers.queries.reader_ids)
    assert 4 <= len(cold) <= 6
    assert not np.isin(WORLD.interactions.reader_ids[readers.train_rows], cold).any()
    assert not new[WORLD.item_idx[all_targets(readers.queries)]].any()
    assert new[WORLD.item_idx[all_targets(found.queries)]].all()
    assert not np.isin(found.queries.reader_ids, cold).any()
    assert (readers.train_rows == among.train_rows).all()
    whole = splits(WORLD, "B")[0]
    assert np.isin(readers.train_rows, whole.train_rows).all()


def test_models_do_not_get_to_see_the_answers() -> None:
    (split,) = splits(WORLD, "B")
    given = split.unanswered()
    assert len(given.queries) == len(split.queries)
    assert {len(targets) for targets in given.queries.targets} == {0}
    assert not np.isin(all_targets(split.queries), given.queries.targets.rows).any()
    assert given.validation is split.validation


def test_splits_are_the_same_every_time() -> None:
    for one, other in zip(every_split(WORLD), every_split(WORLD), strict=True):
        assert (one.train_rows == other.train_rows).all()
        assert (all_targets(one.queries) == all_targets(other.queries)).all()


def test_of_too_many_queries_all_those_of_some_readers_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = splits(WORLD, "B")
    monkeypatch.setattr(retrieval_protocols, "MOST_QUERIES", 200)
    (part,) = splits(WORLD, "B")
    assert 190 < len(part.queries) <= 200
    assert (part.train_rows == whole.train_rows).all()
    of_them = whole.queries.take(np.isin(whole.queries.reader_ids, part.queries.reader_ids))
    assert (all_targets(part.queries) == all_targets(of_them)).all()
    assert part.validation is not None
    assert len(part.validation.queries) <= 200


def test_batches_are_all_queries_in_order() -> None:
    (split,) = splits(WORLD, "B")
    parts = list(split.queries.batches(37))
    assert {len(part) for part in parts[:-1]} == {37}
    assert np.concatenate([part.at_s for part in parts]).tolist() == split.queries.at_s.tolist()
    assert [rows.tolist() for part in parts for rows in part.targets] == [
        rows.tolist() for rows in split.queries.targets
    ]


def test_data_in_which_nobody_comes_back_is_refused() -> None:
    dataset = ratings_of({1: [100], 2: [101]}, num_items=2)
    with pytest.raises(DataError, match="events enough for protocol A"):
        splits(dataset, "A")
