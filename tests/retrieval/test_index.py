from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index import NO_IDS, Index, IndexConfig, ItemVectors, Kind
from retrieval.index_base import Base
from retrieval.index_tuning import tuned_base
from tests.retrieval.index_worlds import (
    APPROXIMATE,
    DIM,
    NUM_ITEMS,
    QUERIES,
    built,
    built_afresh,
    by_hand,
    item_ids,
    recall,
)

EAST, NORTH = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


def compass() -> Index:
    """Item 7 lies in the east, 3 in the north-east, 9 in the north; 5 is as 7 but half as long."""
    vectors = np.array([[1, 0], [1, 1], [0, 1], [0.5, 0]], np.float32)
    return Index.build(vectors, np.array([7, 3, 9, 5]))


@pytest.fixture(scope="module", params=APPROXIMATE)
def approximate(request: pytest.FixtureRequest) -> Index:
    return built(request.param)


def test_items_come_by_inner_product_and_equal_ones_by_id() -> None:
    found = compass().search(EAST, 4)
    assert found.item_ids.tolist() == [3, 7, 5, 9]
    assert found.scores.tolist() == [1, 1, 0.5, 0]


def test_a_tie_for_the_last_place_goes_to_the_lower_id() -> None:
    assert compass().search(EAST, 1).item_ids.tolist() == [3]
    assert compass().apply(ItemVectors(np.array([1]), EAST[np.newaxis])).search(EAST, 2).item_ids.tolist() == [1, 3]


def test_excluded_items_make_room_for_the_next() -> None:
    assert compass().search(EAST, 2, np.array([3, 404, 3])).item_ids.tolist() == [7, 5]


def test_asking_for_more_than_there_are_gives_all() -> None:
    assert len(compass().search(NORTH, 100)) == 4
    assert len(compass().search(NORTH, 100, np.array([9, 3]))) == 2
    assert len(compass().search(NORTH, 100, np.array([9, 3, 5, 7]))) == 0
    assert len(compass().search(NORTH, 0)) == 0


def test_an_index_of_nothing_finds_nothing_until_something_is_added() -> None:
    empty = Index.build(np.empty((0, 2), np.float32), NO_IDS)
    assert len(empty.search(EAST, 5)) == len(empty) == 0
    assert not empty.needs_rebuild
    assert empty.apply(ItemVectors(np.array([4]), EAST[np.newaxis])).search(EAST, 5).item_ids.tolist() == [4]


def test_an_item_bias_is_one_more_dimension() -> None:
    biased = Index.build(np.array([[1, 0, 0], [0.9, 0, 5]], np.float32), np.array([1, 2]))
    assert biased.search(np.array([1, 0, 0], np.float32), 2).item_ids.tolist() == [1, 2]
    assert biased.search(np.array([1, 0, 1], np.float32), 2).item_ids.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("query", "k", "message"),
    [
        ([1.0], 3, r"shape \(1,\) was asked, but this index has vectors of shape \(2,\)"),
        ([[1.0, 0.0]], 3, "shape"),
        ([np.nan, 0.0], 3, "NaN"),
        ([np.inf, 0.0], 3, "infinity"),
        ([1e30, 0.0], 3, "too large"),
        ([1.0, 0.0], -1, "k is 0 or more"),
    ],
)
def test_a_query_that_cannot_be_answered_is_refused(query: list[float], k: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compass().search(np.array(query, np.float32), k)


def test_scores_too_large_for_a_number_are_refused() -> None:
    huge = Index.build(np.array([[1e30, 0], [1, 0]], np.float32), np.array([1, 2]))
    with pytest.raises(ValueError, match="Scale the vectors"):
        huge.search(np.array([1e10, 0], np.float32), 2)


def test_what_was_built_of_stays_unchangeable() -> None:
    index = compass()
    with pytest.raises(ValueError, match="read-only"):
        index.base.items.vectors[0, 0] = 9


def test_a_change_is_visible_at_once_and_the_older_index_stays_as_it_was() -> None:
    before = compass()
    after = before.apply(ItemVectors(np.array([9, 2]), np.array([[3, 0], [2, 0]], np.float32)), np.array([3, 404]))
    assert after.search(EAST, 9).item_ids.tolist() == [9, 2, 7, 5]
    assert before.search(EAST, 9).item_ids.tolist() == [3, 7, 5, 9]
    assert (len(before), len(after)) == (4, 4)
    assert before.base is after.base


def test_a_deleted_item_comes_back_by_an_upsert_and_goes_again() -> None:
    gone = compass().apply(deletes=np.array([7]))
    back = gone.apply(ItemVectors(np.array([7]), 4 * EAST[np.newaxis]))
    assert gone.search(EAST, 9).item_ids.tolist() == [3, 5, 9]
    assert back.search(EAST, 1).item_ids.tolist() == [7]
    assert back.apply(deletes=np.array([7])).search(EAST, 9).item_ids.tolist() == [3, 5, 9]


def test_excluded_items_are_also_excluded_when_they_are_new() -> None:
    grown = compass().apply(ItemVectors(np.array([2]), 4 * EAST[np.newaxis]))
    assert grown.search(EAST, 2, np.array([2, 7])).item_ids.tolist() == [3, 5]


def test_every_change_makes_another_version_and_the_same_change_the_same() -> None:
    index, more = compass(), ItemVectors(np.array([2]), EAST[np.newaxis])
    versions = [
        index.version,
        index.apply().version,
        index.apply(more).version,
        index.apply(more).apply(more).version,
        index.apply(deletes=np.array([2])).version,
        index.apply(deletes=np.array([3])).version,
    ]
    assert len(set(versions)) == len(versions)
    assert compass().apply(more).version == index.apply(more).version


def test_a_change_of_another_dimension_is_refused() -> None:
    with pytest.raises(ValueError, match="3 dimensions, the index has 2"):
        compass().apply(ItemVectors(np.array([2]), np.ones((1, 3), np.float32)))


def test_an_item_both_upserted_and_deleted_is_refused() -> None:
    with pytest.raises(ValueError, match="item 7 among them"):
        compass().apply(ItemVectors(np.array([7]), EAST[np.newaxis]), np.array([7]))


def test_a_rebuild_is_due_past_a_tenth_of_dead_rows() -> None:
    index = Index.build(np.ones((20, 2), np.float32), np.arange(20))
    assert not index.apply(deletes=np.array([0, 1])).needs_rebuild
    assert index.apply(deletes=np.array([0, 1, 2])).needs_rebuild
    replaced = ItemVectors(np.arange(3), np.zeros((3, 2), np.float32))
    assert index.apply(replaced).needs_rebuild
    assert not index.apply(replaced).rebuilt().needs_rebuild


def test_a_rebuild_is_due_past_the_size_of_the_delta() -> None:
    index = Index.build(np.ones((20, 2), np.float32), np.arange(20), IndexConfig(max_delta=2))
    assert not index.apply(ItemVectors(np.array([50, 51]), np.ones((2, 2), np.float32))).needs_rebuild
    assert index.apply(ItemVectors(np.array([50, 51, 52]), np.ones((3, 2), np.float32))).needs_rebuild


def test_an_exact_index_that_outgrew_its_kind_is_rebuilt_exactly_where_it_has_no_queries() -> None:
    index = Index.build(np.ones((900, 2), np.float32), np.arange(900), IndexConfig(exact_up_to=1_000))
    grown = index.apply(ItemVectors(np.arange(900, 1_100), np.ones((200, 2), np.float32))).rebuilt()
    assert (grown.kind, len(grown)) == (Kind.EXACT, 1_100)


def test_a_rebuild_takes_one_thread_and_leaves_the_number_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = []

    def spied(items: ItemVectors, config: IndexConfig, queries: np.ndarray) -> Base:
        allowed.append(faiss.omp_get_max_threads())
        return tuned_base(items, config, queries)

    monkeypatch.setattr("retrieval.index.tuned_base", spied)
    before = faiss.omp_get_max_threads()
    compass().rebuilt()
    assert allowed == [before, 1]
    assert faiss.omp_get_max_threads() == before


def test_an_approximate_index_needs_queries_to_measure_on() -> None:
    with pytest.raises(ValueError, match="give vectors of the query tower as `queries`"):
        Index.build(np.ones((2_000, 2), np.float32), np.arange(2_000), IndexConfig(kind=Kind.IVF_4BIT))


@pytest.mark.parametrize("queries", [np.ones((3, 5)), np.ones(2), np.full((3, 2), np.nan)])
def test_sample_queries_that_do_not_fit_are_refused(queries: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"must be \(n, 2\), and finite"):
        Index.build(np.ones((5, 2), np.float32), np.arange(5), queries=queries)


def test_an_approximate_search_finds_what_it_promises(approximate: Index) -> None:
    assert approximate.recall >= 0.9
    assert recall(approximate, 30) >= 0.9


def test_its_scores_are_the_exact_inner_products(approximate: Index) -> None:
    found = approximate.search(QUERIES[0], 50)
    rows = approximate.base.items.ids.idx_of(found.item_ids)
    np.testing.assert_allclose(found.scores, approximate.base.items.vectors[rows] @ QUERIES[0], rtol=1e-5)
    assert (np.diff(found.scores) <= 0).all()
    assert len(np.unique(found.item_ids)) == len(found) == 50


def test_with_half_of_the_items_excluded_it_finds_the_others(approximate: Index) -> None:
    excluded = np.random.default_rng(3).permutation(item_ids(NUM_ITEMS))[: NUM_ITEMS // 2]
    assert not np.isin(approximate.search(QUERIES[0], 30, excluded).item_ids, excluded).any()
    assert recall(approximate, 30, excluded) >= 0.9


def test_with_half_of_the_items_deleted_it_finds_the_others(approximate: Index) -> None:
    halved = approximate.apply(deletes=item_ids(NUM_ITEMS)[::2])
    assert len(halved.search(QUERIES[0], 30)) == 30
    assert recall(halved, 30) >= 0.9


@pytest.mark.parametrize("excluded", [20, 200])
def test_with_half_of_the_best_excluded_the_next_best_are_found(approximate: Index, excluded: int) -> None:
    found = []
    for query in QUERIES:
        seen = np.array(by_hand(approximate, query, 2 * excluded)[::2])
        left = by_hand(approximate, query, 30, seen)
        found.append(len(np.intersect1d(approximate.search(query, 30, seen).item_ids, left)) / 30)
    assert np.mean(found) >= 0.9


@pytest.mark.parametrize("left", [0, 1, 40, 300])
def test_it_finds_as_many_as_are_left_however_many_are_not(approximate: Index, left: int) -> None:
    kept = item_ids(NUM_ITEMS)[5 : 5 + left]
    others = np.setdiff1d(item_ids(NUM_ITEMS), kept)
    few = approximate.apply(deletes=others)
    assert len(few) == left
    assert sorted(few.search(QUERIES[0], 400).item_ids.tolist()) == kept.tolist()
    assert len(few.search(QUERIES[0], 30)) == len(approximate.search(QUERIES[0], 30, others)) == min(30, left)


def test_it_gives_all_when_asked_for_more_than_all(approximate: Index) -> None:
    assert approximate.search(QUERIES[0], 10**6).item_ids.tolist() == by_hand(approximate, QUERIES[0], NUM_ITEMS)


def test_new_items_mix_with_its_own_by_score(approximate: Index) -> None:
    best = approximate.search(QUERIES[0], 2)
    middle = QUERIES[0] * (best.scores.mean() / (QUERIES[0] @ QUERIES[0]))
    grown = approximate.apply(ItemVectors(np.array([1]), middle[np.newaxis]))
    assert grown.search(QUERIES[0], 3).item_ids.tolist() == [best.item_ids[0], 1, best.item_ids[1]]
    assert grown.search(QUERIES[0], 2, np.array([1])).item_ids.tolist() == best.item_ids.tolist()


def test_rebuilding_keeps_every_item_and_measures_again(approximate: Index) -> None:
    changed = approximate.apply(ItemVectors(np.array([1]), QUERIES[:1]), item_ids(NUM_ITEMS)[:700])
    fresh = changed.rebuilt()
    assert fresh.items().item_ids.tolist() == changed.items().item_ids.tolist()
    assert fresh.kind is approximate.kind
    assert not len(fresh.delta)
    assert recall(fresh, 30) >= 0.9


def test_the_same_build_twice_gives_the_same_answers(approximate: Index) -> None:
    again = built_afresh(approximate.kind)
    assert again.version == approximate.version
    for query in QUERIES[:10]:
        assert again.search(query, 30).item_ids.tolist() == approximate.search(query, 30).item_ids.tolist()


def test_an_index_for_another_prior_also_meets_its_goal() -> None:
    """A prior of wide range beside unit vectors, as ln P(d) is."""
    rng = np.random.default_rng(4)
    unit = rng.standard_normal((NUM_ITEMS, DIM))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    vectors = np.column_stack([unit, rng.normal(-10, 1.5, NUM_ITEMS)])
    queries = np.column_stack([20 * unit[:60], np.full(60, 0.5)])
    config = IndexConfig(kind=Kind.IVF_4BIT, recall_at=30, recall_goal=0.9)
    assert Index.build(vectors, item_ids(NUM_ITEMS), config, queries=queries).recall >= 0.9


def test_threads_that_search_while_others_apply_get_right_answers(approximate: Index) -> None:
    published = [approximate]

    def search(first: int) -> list[tuple[Index, int, list[int]]]:
        asked = [(published[-1], i) for _ in range(4) for i in range(first, len(QUERIES), 4)]
        asked += [(published[-1], i) for i in range(first, len(QUERIES), 4)]
        return [(index, i, index.search(QUERIES[i], 30).item_ids.tolist()) for index, i in asked]

    def apply() -> None:
        for step in range(1, 40):
            upserts = ItemVectors(np.arange(1, 1 + step % 9), QUERIES[: step % 9])
            published.append(published[-1].apply(upserts, item_ids(NUM_ITEMS)[step : step + 5]))

    with ThreadPoolExecutor(5) as threads:
        applied = threads.submit(apply)
        answers = [answer for few in threads.map(search, range(4)) for answer in few]
        applied.result()
    assert len(published) == 40
    for index, i, found in answers:
        assert index.search(QUERIES[i], 30).item_ids.tolist() == found


ids_of_some = st.lists(st.integers(0, 12), max_size=6, unique=True)
coordinates = st.integers(-3, 3)


@st.composite
def changes(draw: st.DrawFn) -> tuple[dict[int, tuple[int, int]], list[int]]:
    upserts = draw(st.dictionaries(st.integers(0, 12), st.tuples(coordinates, coordinates), max_size=6))
    return upserts, [item_id for item_id in draw(ids_of_some) if item_id not in upserts]


@settings(max_examples=100, deadline=None)
@given(
    first=st.dictionaries(st.integers(0, 12), st.tuples(coordinates, coordinates), max_size=10),
    steps=st.lists(changes(), max_size=5),
    query=st.tuples(coordinates, coordinates),
    k=st.integers(0, 15),
    exclude=ids_of_some,
)
def test_any_changes_leave_what_an_index_built_of_the_result_has(
    first: dict[int, tuple[int, int]],
    steps: list[tuple[dict[int, tuple[int, int]], list[int]]],
    query: tuple[int, int],
    k: int,
    exclude: list[int],
) -> None:
    index, live = Index.build(*arrays_of(first)), dict(first)
    for upserts, deletes in steps:
        vectors, ids = arrays_of(upserts)
        index = index.apply(ItemVectors(ids, vectors), np.array(deletes, np.int64))
        live = {item_id: vector for item_id, vector in (live | upserts).items() if item_id not in deletes}
    asked, without = np.array(query, np.float32), np.array(exclude, np.int64)
    found = index.search(asked, k, without)
    ranked = sorted((-np.dot(vector, query), item_id) for item_id, vector in live.items() if item_id not in exclude)
    assert list(zip((-found.scores).tolist(), found.item_ids.tolist(), strict=True)) == ranked[:k]
    assert found.item_ids.tolist() == Index.build(*arrays_of(live)).search(asked, k, without).item_ids.tolist()
    assert len(index) == len(live)


def arrays_of(items: dict[int, tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(list(items.values()), np.float32).reshape(-1, 2), np.array(list(items), np.int64)


@pytest.mark.skipif(
    not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc, which this system lacks"
)
def test_a_search_starts_no_threads() -> None:
    code = """
import os
import faiss
from tests.retrieval.index_worlds import QUERIES, APPROXIMATE, Kind, built
faiss.omp_set_num_threads(1)
indexes = [built(kind, 1_500) for kind in (*APPROXIMATE, Kind.EXACT)]
faiss.omp_set_num_threads(4)
before = len(os.listdir("/proc/self/task"))
for index in indexes:
    index.search(QUERIES[0], 30)
print(len(os.listdir("/proc/self/task")) - before)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "0"
