"""What every source must keep, asked of each."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from retrieval.candidates import Candidates, Source
from retrieval.sources.covisitation import Covisitation, CovisitationConfig
from retrieval.sources.covisitation_graph import CovisitationGraph, CovisitationGraphConfig
from retrieval.sources.followed import Followed, FollowedConfig
from retrieval.sources.fresh import Fresh, FreshConfig
from retrieval.sources.graph_walk import GraphWalk, GraphWalkConfig
from retrieval.sources.implicit_als import ImplicitAls, ImplicitAlsConfig
from retrieval.sources.item_table import ItemTable
from retrieval.sources.popular import Popular, PopularConfig, Trending, TrendingConfig
from tests.retrieval.sources.states import AT_S, NOTHING, reader_of
from tests.retrieval.sources.worlds import NUM_ITEMS, even_readers_like_even_items

WORLD = even_readers_like_even_items()
ITEMS = ItemTable(np.arange(NUM_ITEMS), AT_S - np.arange(NUM_ITEMS) * 3600.0)
PAIRS = np.column_stack([np.arange(NUM_ITEMS), np.arange(NUM_ITEMS) % 2])
GRAPH = CovisitationGraph.fit(WORLD, CovisitationGraphConfig())
LOG_ENDS_S = float(WORLD.times_s[-1])

FITS: dict[str, Callable[[], Source]] = {
    "covisitation": lambda: Covisitation.fit(
        CovisitationGraph.fit(WORLD, CovisitationGraphConfig()), CovisitationConfig()
    ),
    "implicit_als": lambda: ImplicitAls.fit(WORLD, ImplicitAlsConfig(factors=8)),
    "popular": lambda: Popular.fit(WORLD, PopularConfig(), at_s=LOG_ENDS_S),
    "trending": lambda: Trending.fit(WORLD, TrendingConfig(recent_days=0.1, usual_days=1.0), at_s=LOG_ENDS_S),
    "fresh": lambda: Fresh.fit(ITEMS, FreshConfig()),
    "followed": lambda: Followed.fit(ITEMS, FollowedConfig(), item_topics=PAIRS, item_authors=PAIRS),
    "graph_walk": lambda: GraphWalk.fit(GRAPH, GraphWalkConfig()),
}
SOURCES = {name: fit() for name, fit in FITS.items()}
ONE_OF_MANY = reader_of([0, 2, 4, 6, 8], topics=(0,))

each_source = pytest.mark.parametrize("name", sorted(SOURCES))


def same(one: Candidates, other: Candidates) -> bool:
    return one.item_ids.tolist() == other.item_ids.tolist() and one.scores.tolist() == other.scores.tolist()


@each_source
def test_a_source_goes_by_its_name(name: str) -> None:
    assert SOURCES[name].name == name


@each_source
def test_it_proposes_at_most_k_and_fewer_items_are_the_first_of_more(name: str) -> None:
    many = SOURCES[name].candidates(ONE_OF_MANY, 12, exclude=NOTHING)
    few = SOURCES[name].candidates(ONE_OF_MANY, 3, exclude=NOTHING)
    assert len(few) == 3
    assert few.item_ids.tolist() == many.item_ids[:3].tolist()
    assert few.item_ids.dtype == np.int64
    assert few.scores.dtype == np.float32


@each_source
def test_what_is_excluded_is_left_out_and_nothing_else_is(name: str) -> None:
    every = SOURCES[name].candidates(ONE_OF_MANY, 1000, exclude=NOTHING)
    exclude = np.array([every.item_ids[1], every.item_ids[0], 987_654])
    rest = SOURCES[name].candidates(ONE_OF_MANY, 1000, exclude=exclude)
    assert rest.item_ids.tolist() == every.item_ids[2:].tolist()


@each_source
def test_fitting_and_asking_again_gives_the_same(name: str) -> None:
    before = SOURCES[name].candidates(ONE_OF_MANY, 20, exclude=NOTHING)
    assert same(before, SOURCES[name].candidates(ONE_OF_MANY, 20, exclude=NOTHING))
    assert same(before, FITS[name]().candidates(ONE_OF_MANY, 20, exclude=NOTHING))


@each_source
def test_asking_from_many_threads_gives_what_asking_from_one_gives(name: str) -> None:
    states = [reader_of([item, (item + 2) % NUM_ITEMS], topics=(item % 2,)) for item in range(NUM_ITEMS)] * 3
    alone = [SOURCES[name].candidates(state, 10, exclude=state.history) for state in states]
    with ThreadPoolExecutor(8) as threads:
        together = threads.map(lambda state: SOURCES[name].candidates(state, 10, exclude=state.history), states)
    assert all(same(one, other) for one, other in zip(alone, together, strict=True))


@each_source
def test_a_source_cannot_be_changed(name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        SOURCES[name].name = "another"  # type: ignore[misc]


@each_source
def test_an_unknown_reader_gets_what_needs_no_history(name: str) -> None:
    proposed = SOURCES[name].candidates(reader_of([]), 5, exclude=NOTHING)
    assert len(proposed) == (5 if name in {"popular", "trending", "fresh"} else 0)


@pytest.mark.parametrize("name", ["covisitation", "graph_walk", "implicit_als"])
def test_a_history_of_unknown_or_dismissed_items_says_nothing(name: str) -> None:
    assert len(SOURCES[name].candidates(reader_of([777]), 5, exclude=NOTHING)) == 0
    assert len(SOURCES[name].candidates(reader_of([2, 4], ["dismiss", "already_seen"]), 5, exclude=NOTHING)) == 0


@pytest.mark.parametrize("name", ["covisitation", "graph_walk", "implicit_als"])
@pytest.mark.parametrize("withheld", [0, 13, 26])
def test_even_readers_get_even_items_and_the_withheld_one_first(name: str, withheld: int) -> None:
    own = np.setdiff1d(np.arange(withheld % 2, NUM_ITEMS, 2), [withheld])
    proposed = SOURCES[name].candidates(reader_of(own.tolist()), 1, exclude=own)
    assert proposed.item_ids.tolist() == [withheld]


@each_source
def test_asking_for_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="at least one"):
        SOURCES[name].candidates(ONE_OF_MANY, 0, exclude=NOTHING)
