from __future__ import annotations

import numpy as np
import pytest

from benchmarks.index_cases import Truth, excluding, filtered, plain, upserted
from benchmarks.index_world import World, drawn
from retrieval.index import Index, IndexConfig, Kind

NUM_QUERIES = 5


@pytest.fixture(scope="module")
def world() -> World:
    return drawn(6_000, 30, NUM_QUERIES, seed=1)


@pytest.fixture(scope="module")
def truth(world: World) -> Truth:
    return Truth.of(world)


@pytest.fixture(scope="module", params=[Kind.EXACT, Kind.IVF_8BIT, Kind.IVF_4BIT])
def index(request: pytest.FixtureRequest, world: World) -> Index:
    return Index.build(world.items, world.item_ids, IndexConfig(kind=request.param), queries=world.tuning)


def test_the_truth_is_that_of_sorting_all(world: World, truth: Truth) -> None:
    scores = np.sort(world.items @ world.queries[2])[::-1]
    np.testing.assert_allclose(truth.scores[2], scores, atol=1e-6)
    none_closed = [np.empty(0, np.int64)] * NUM_QUERIES
    assert truth.least_scores(none_closed)[2] == pytest.approx(scores[299], abs=1e-6)
    assert truth.least_scores([rows[:100] for rows in truth.rows])[2] == pytest.approx(scores[399], abs=1e-6)


def test_an_exact_search_has_a_recall_of_one_in_every_case(world: World, truth: Truth) -> None:
    index = Index.build(world.items, world.item_ids)
    rng = np.random.default_rng(0)
    cases = [
        plain(index, world, truth, "all"),
        filtered(index, world, truth, 0.5, rng),
        excluding(index, world, truth, 200, rng),
    ]
    assert [case.recall(NUM_QUERIES) for case in cases] == [1, 1, 1]
    assert [case.name for case in cases] == ["all", "50% filtered", "200 excluded"]


def test_the_bare_call_answers_what_ours_does(index: Index, world: World, truth: Truth) -> None:
    rng = np.random.default_rng(0)
    for case in (plain(index, world, truth, "all"), filtered(index, world, truth, 0.05, rng)):
        _, rows = case.bare["faiss"](0)  # type: ignore[misc]
        common = np.intersect1d(world.item_ids[rows[0]], case.ours(0).item_ids)  # type: ignore[attr-defined]
        assert len(common) >= 297


def test_of_changes_no_recall_is_said(world: World) -> None:
    case = upserted(Index.build(world.items, world.item_ids), world, 50, np.random.default_rng(0))
    assert case.recall(NUM_QUERIES) is None
    assert len(case.ours(0)) == 300  # type: ignore[arg-type]
