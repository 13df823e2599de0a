from __future__ import annotations

import pickle
from dataclasses import replace
from math import exp, log, nan
from pathlib import Path

import numpy as np
import pytest

from benchmarks.ranking_speed_world import World
from ranking.feature import Dtype, Group
from ranking.features import SURFACES, FeatureSet, build_features, feature_table
from ranking.prepared_items import PreparedItems
from ranking.request import CandidateColumns, RequestError, SourceColumns
from ranking.taste import TASTE_HALF_LIFE_S
from tests.ranking.small_requests import (
    DAY_S,
    FEATURE_SET,
    HOUR_S,
    candidates,
    column,
    four_items,
    reader,
    request,
)

HALF_LIFE_S = TASTE_HALF_LIFE_S
WORLD = World.drawn(300, np.random.default_rng(5))


def test_what_sources_said_worked_by_hand() -> None:
    asked = request(candidates([10, 20, 30], {"near": {20: 0.9, 10: 0.4}, "popular": {30: 7, 20: 7, 10: 1}}))
    worked = {
        "near_score": [0.4, 0.9, nan],
        "near_rank": [1, 0, nan],
        "near_percentile": [0.5, 1, nan],
        "popular_score": [1, 7, 7],
        "popular_percentile": [1 / 3, 1, 1],
        "num_sources": [2, 2, 1],
        "fusion": [1 / 62 + 1 / 63, 1 / 61 + 1 / 62, 1 / 61],
    }
    for name, values in worked.items():
        assert column(name, asked) == pytest.approx(values, nan_ok=True), name


def test_reader_and_item_worked_by_hand() -> None:
    state = reader(
        [(20, HALF_LIFE_S, 2), (40, DAY_S, -1), (10, 0, 3)],
        topics=np.array([200, 999], np.int32),
        authors=np.array([6], np.int32),
        languages=np.array([1], np.int16),
    )
    # liking: item 20 weighs 2 / 2 = 1, item 10 weighs 3, half of it for each of its topics. All dismissing is of 40.
    worked = {
        "topic_liked": [1.0, 2.5 / 4, nan, 0],
        "topic_liked_most": [2.5 / 4, 2.5 / 4, nan, 0],
        "topic_dismissed": [0, 0, nan, 1],
        "topics_followed": [1, 1, nan, 0],
        "author_liked": [1, 1, nan, 0],
        "author_dismissed": [0, 0, nan, 1],
        "author_followed": [0, 0, nan, 1],
        "language_match": [0, 1, nan, 0],
        "language_liked": [0.75, 0.25, nan, 0.75],
        "similarity_highest": [1, 1, 0.8, 0],
        "similarity_mean": [0.5, 0.5, 0.7, -0.5],
        "similarity_newest": [1, 0, 0.6, -1],
        "similarity_lasting": [0.5, 0.5, 0.7, -0.5],
        "similarity_dismissed": [-1, 0, -0.6, 1],
    }
    asked = request(candidates([10, 20, 30, 40]), state)
    for name, values in worked.items():
        assert column(name, asked) == pytest.approx(values, nan_ok=True, abs=1e-6), name


def test_what_is_told_of_the_pair_is_passed_on() -> None:
    asked = request(replace(candidates([10, 20]), times_viewed=np.float32([2, 0]), covisited=np.float32([0, 0.5])))
    assert column("times_viewed", asked) == [2, 0]
    assert column("covisited", asked) == [0, 0.5]


def test_items_worked_by_hand() -> None:
    week = 16 / 160  # clicks of a view, of all items
    worked = {
        "age_hours": [24, 1, nan, nan],
        "click_rate_hour": [nan] * 4,
        "click_rate_week": [(8 + 20 * week) / 100, (4 + 20 * week) / 40, (4 + 20 * week) / 80, week],
        "dismiss_rate_week": [(20 * week) / 100, (20 * week) / 40, (16 + 20 * week) / 80, week],
        "log_views_day": [log(11), 0, log(31), 0],
        "popularity": [0.75, 0.25, 0.5, 0],
    }
    asked = request(candidates([10, 20, 30, 40]))
    for name, values in worked.items():
        assert column(name, asked) == pytest.approx(values, nan_ok=True), name


def test_reader_and_context_worked_by_hand() -> None:
    state = reader([(20, 2 * DAY_S, 1), (77, DAY_S, 1), (40, 6 * HOUR_S, -1)], tenure_s=3 * DAY_S)
    worked = {
        "log_liked": log(3),
        "log_dismissed": log(2),
        "activity": 0.25 + 0.5 + 2**-0.25,
        "hours_since_choice": 6,
        "breadth": 1,
        "tenure_days": 3,
        "hour": 23.5,
        "weekday": 6,
        "surface": SURFACES.index("topic"),
        "columns": 4,
    }
    asked = request(candidates([10]), state, hour=23.5, weekday=6, surface="topic", columns=4)
    for name, value in worked.items():
        assert column(name, asked) == pytest.approx([value]), name


def test_breadth_is_how_many_topics_would_be_liked_equally() -> None:
    state = reader([(20, 0, 1), (40, 0, 1), (10, 0, 2)])  # topics 100, 200, 700: liked 1, 2, 1
    [breadth] = column("breadth", request(candidates([30]), state))
    assert breadth == pytest.approx(exp(0.5 * log(4) + 0.5 * log(2)))


def test_of_a_reader_without_history_nothing_is_made_up() -> None:
    asked = request(candidates([10, 20]), columns=0)
    told = dict(
        zip(FEATURE_SET.names, build_features(asked, PreparedItems.of(four_items()), FEATURE_SET)[0], strict=True)
    )
    unknown = {"topic_liked", "topic_liked_most", "topic_dismissed", "author_liked", "author_dismissed"}
    unknown |= {"language_match", "language_liked", "hours_since_choice", "breadth", "columns"}
    unknown |= {name for name in told if name.startswith("similarity_")}
    assert all(np.isnan(told[name]) for name in unknown)
    assert told["topics_followed"] == told["author_followed"] == told["activity"] == told["log_liked"] == 0


def test_only_the_newest_five_are_the_recent_ones() -> None:
    state = reader([(20, 10, 1), *[(10, age, 1) for age in (5, 4, 3, 2, 1)]])
    assert column("similarity_highest", request(candidates([20]), state)) == [0]
    assert column("similarity_lasting", request(candidates([20]), state)) == pytest.approx([1 / 6])


def test_the_newest_choice_counts_most() -> None:
    state = reader([(40, 90 * DAY_S, 1), (20, 0, 1)])
    old, new = column("topic_liked", request(candidates([40, 20]), state))
    assert old < new


def test_an_item_of_which_the_table_does_not_know_is_missing_not_another_one() -> None:
    state = reader([(10, 0, 1), (999, 0, 1)], languages=np.array([0], np.int16))
    asked = request(candidates([10, 15, 999], {"near": {999: 1, 15: 0.5}}), state)
    features = build_features(asked, PreparedItems.of(four_items()), FEATURE_SET)
    of_item = [
        f.group is Group.ITEM or (f.group is Group.MATCH and f.missing is not None) for f in FEATURE_SET.features
    ]
    assert np.isnan(features[1:, of_item]).all()
    assert features[2, FEATURE_SET.names.index("near_rank")] == 0


def test_an_item_dated_ahead_has_no_age_rather_than_a_false_one() -> None:
    assert column("age_hours", request(candidates([40, 10]))) == pytest.approx([nan, 24], nan_ok=True)


def test_a_history_that_knows_the_future_is_refused() -> None:
    with pytest.raises(RequestError, match="after serving"):
        reader([(10, -1, 1)])


def test_the_same_request_gives_the_same_bytes() -> None:
    asked = WORLD.request(20, np.random.default_rng(3))
    once, again = (build_features(asked, WORLD.items, WORLD.feature_set) for _ in range(2))
    assert once.tobytes() == again.tobytes()


def test_a_source_that_was_not_asked_is_missing_and_one_that_is_not_in_the_set_changes_nothing() -> None:
    usual = request(candidates([10, 20], {"near": {10: 1}}))
    more = request(candidates([10, 20], {"near": {10: 1}, "brand_new": {20: 1}}))
    items = PreparedItems.of(four_items())
    np.testing.assert_array_equal(build_features(usual, items, FEATURE_SET), build_features(more, items, FEATURE_SET))
    assert np.isnan(column("popular_rank", usual)).all()


@pytest.mark.parametrize("num_candidates", [0, 1, 7])
def test_the_matrix_has_a_row_a_candidate_and_a_column_a_feature(num_candidates: int) -> None:
    features = build_features(WORLD.request(num_candidates, np.random.default_rng(1)), WORLD.items, WORLD.feature_set)
    assert features.shape == (num_candidates, len(WORLD.feature_set))
    assert features.dtype == np.float32
    assert features.flags.c_contiguous


def test_an_empty_catalogue_still_has_candidates() -> None:
    nothing = PreparedItems.of(World.drawn(0, np.random.default_rng(0)).items.table)
    features = build_features(request(candidates([10]), reader([(10, 0, 1)])), nothing, FEATURE_SET)
    assert features.shape == (1, len(FEATURE_SET))


def test_items_without_vectors_have_no_likeness() -> None:
    items = replace(four_items(), vectors=np.empty((4, 0), np.float32))
    asked = request(candidates([10, 20]), reader([(10, 0, 1)]))
    assert np.isnan(column("similarity_highest", asked, items)).all()


def test_other_candidates_change_only_the_percentile() -> None:
    whole = WORLD.request(30, np.random.default_rng(2))
    alone = replace(whole, candidates=_first(9, whole.candidates))
    within = [not name.endswith("_percentile") for name in WORLD.feature_set.names]
    features = build_features(whole, WORLD.items, WORLD.feature_set)[:9, within]
    np.testing.assert_allclose(build_features(alone, WORLD.items, WORLD.feature_set)[:, within], features, rtol=1e-5)


def _first(n: int, asked: CandidateColumns) -> CandidateColumns:
    sources = {name: SourceColumns(says.scores[:n], says.ranks[:n]) for name, says in asked.sources.items()}
    return CandidateColumns(asked.item_ids[:n], sources, asked.times_viewed[:n], asked.covisited[:n])


def test_what_is_declared_as_always_known_always_is() -> None:
    rng = np.random.default_rng(8)
    features = np.concatenate(
        [build_features(WORLD.request(40, rng), WORLD.items, WORLD.feature_set) for _ in range(20)]
    )
    known = [feature.missing is None for feature in WORLD.feature_set.features]
    assert not np.isnan(features[:, known]).any()


def test_an_unknown_surface_is_refused_by_name() -> None:
    with pytest.raises(RequestError, match="'basement'"):
        column("hour", request(candidates([10]), surface="basement"))


def test_a_feature_set_is_the_same_whatever_order_its_sources_are_named_in() -> None:
    assert FeatureSet.of(["b", "a"]) == FeatureSet.of(["a", "b"])
    assert FeatureSet.of(["b", "a"]).id == FeatureSet.of(["a", "b"]).id
    assert FeatureSet.of(["a"]).id != FeatureSet.of(["b"]).id


def test_names_are_unique_and_categories_among_them() -> None:
    names = FEATURE_SET.names
    assert len(set(names)) == len(names) == len(FEATURE_SET)
    assert FEATURE_SET.categorical == ("weekday", "surface")
    assert {feature.name for feature in FEATURE_SET.features if feature.dtype is Dtype.CATEGORY} <= set(names)


def test_every_source_feature_says_whose_word_it_is() -> None:
    assert [f.name for f in FEATURE_SET.features if f.source == "near"] == [
        "near_score",
        "near_rank",
        "near_percentile",
    ]


@pytest.mark.parametrize("sources", [["near", "near"], ["two tower"], ['a"b'], [""]])
def test_sources_that_a_model_file_could_not_hold_are_refused(sources: list[str]) -> None:
    with pytest.raises(ValueError, match=r"[Ss]ource"):
        FeatureSet.of(sources)


def test_a_feature_set_travels_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(FEATURE_SET)).id == FEATURE_SET.id  # noqa: S301


def test_the_table_for_the_documentation_has_a_row_a_feature() -> None:
    lines = feature_table(FEATURE_SET).splitlines()
    assert len(lines) == 2 + len(FEATURE_SET)
    assert "| `hour` | context | number | 0 to 24, where the reader is | always known |" in lines


def test_the_page_on_ranking_has_every_feature_as_it_is_declared() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "ranking.md").read_text()
    assert feature_table(FeatureSet.of(["SOURCE"])).strip() in page
