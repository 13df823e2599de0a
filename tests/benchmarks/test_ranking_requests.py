from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from benchmarks.ranking_requests import FEATURE_SET, Catalogue, Requests, reader_state
from benchmarks.ranking_sources import SOURCES
from benchmarks.retrieval_protocols import splits
from benchmarks.retrieval_ratings import ITEM_SCHEMA, Ratings
from benchmarks.retrieval_world import made_up_world
from ranking.features import build_features
from retrieval.interactions import Interactions
from tests.benchmarks.small_funnel import popular_sources

DAY_S = 86_400.0
WORLD = made_up_world(60, 300, seed=0)


def two_days() -> Ratings:
    """Item 7 is chosen twice on the first day and once on the second, item 5 once on the first; 9 never."""
    items = pa.Table.from_pylist(
        [
            {"item_id": 7, "topics": [2, 3], "author": 70, "language": "en", "published_at": None},
            {"item_id": 5, "topics": [], "author": None, "language": "", "published_at": None},
            {"item_id": 9, "topics": [2], "author": 70, "language": "nl", "published_at": None},
        ],
        schema=pa.schema([field for field in ITEM_SCHEMA if field.name not in {"title", "summary"}]),
    )
    for place, name in ((1, "title"), (2, "summary")):
        items = items.add_column(place, ITEM_SCHEMA.field(name), [["", "", ""]])
    events = Interactions.in_order(
        np.array([1, 2, 1, 3]), np.array([7, 7, 5, 7]), np.array([10.0, 20.0, DAY_S - 1, DAY_S + 5])
    )
    return Ratings("two days", events, np.array([5, 1, 3, 4], np.float32), None, items, {})


def test_the_catalogue_knows_nothing_from_the_day_on_that_it_is_asked_of() -> None:
    dataset = two_days()
    catalogue = Catalogue(dataset, np.arange(4), np.eye(3, dtype=np.float32))
    first, second, third = (catalogue.at(at_s).table for at_s in (20.0, DAY_S + 20, 2 * DAY_S))
    assert first.item_ids.tolist() == [5, 7, 9]  # rising, though the catalogue's order is another
    assert first.clicks.sum() == 0
    assert first.popularity.tolist() == [0, 0, 0]
    assert second.clicks.tolist() == [[1, 0, 0], [1, 2, 0], [1, 2, 0]]  # an hour, a day, a week before midnight
    np.testing.assert_allclose(second.popularity, [1 / 3, 2 / 3, 0])
    assert third.clicks[2].tolist() == [1, 3, 0]
    assert second.views.sum() == 0
    assert catalogue.at(DAY_S + 20) is catalogue.at(DAY_S + 900)


def test_facts_of_items_follow_their_ids() -> None:
    table = Catalogue(two_days(), np.arange(4), np.eye(3, dtype=np.float32)).at(0).table
    assert table.topic_offsets.tolist() == [0, 0, 2, 3]
    assert table.topics.tolist() == [2, 3, 2]
    assert table.authors.tolist() == [-1, 0, 0]
    assert table.languages.tolist() == [-1, 0, 1]
    assert np.isnan(table.published_s).all()
    assert table.vectors.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]


def test_ratings_are_likings_choices_and_dismissals() -> None:
    dataset = two_days()
    state = reader_state(dataset, np.array([0, 2]), DAY_S)
    assert state.history.tolist() == [7, 5]
    assert state.gains.tolist() == [3, 1]
    assert state.ages_s.tolist() == [DAY_S - 10, 1]
    assert state.tenure_s == DAY_S - 10
    assert reader_state(dataset, np.array([1]), DAY_S).gains.tolist() == [-1]
    unrated = replace(dataset, ratings=None)
    assert reader_state(unrated, np.array([1]), DAY_S).gains.tolist() == [1]
    assert reader_state(dataset, np.array([], np.int64), DAY_S).tenure_s == 0


def test_features_are_those_of_each_query_and_of_nothing_seen() -> None:
    (split,) = splits(WORLD, "B")
    queries = split.queries.take(np.arange(25))
    sources = popular_sources(WORLD, split)
    requests = Requests.of(WORLD, sources, split.train_rows)
    found = list(requests.features(queries))
    assert len(found) == len(queries)
    for row, ((items, features), asked) in enumerate(zip(found, sources.ask(queries), strict=True)):
        assert not np.isin(items, WORLD.item_idx[queries.history[row]]).any()
        assert features.shape == (len(items), len(FEATURE_SET))
        at_s = float(queries.at_s[row])
        again = build_features(requests.request(queries, row, asked), requests.catalogue.at(at_s), FEATURE_SET)
        np.testing.assert_array_equal(features, again)
        ranks = features[:, [FEATURE_SET.names.index(f"{source}_rank") for source in SOURCES]]
        assert (np.nanmin(ranks, axis=0) == 0).all()  # every source named its first
        assert not np.isnan(ranks).all(axis=1).any()  # nobody is a candidate whom no source named
