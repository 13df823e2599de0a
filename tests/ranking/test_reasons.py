from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ranking.features import FeatureSet
from ranking.propensity import Branch
from ranking.reason_evidence import PopularTopics
from ranking.reasons import CAUSES, PERSONAL_SOURCES, Cause, Reason, ReasonConfig, ReasonFinder, Why
from ranking.request import NONE, ItemTable, ReaderState
from tests.ranking.small_requests import DAY_S, candidates, four_items, reader, request

SOURCES = ("covisitation", "followed", "fresh", "popular", "trending", "two_tower")
FEATURES = FeatureSet.of(SOURCES)
LIKED, OPENED, DISMISSED = 3.0, 1.0, -1.0


def found(
    item_id: int,
    named_by: list[str],
    state: ReaderState | None = None,
    *,
    branch: Branch = Branch.GREEDY,
    adds: Mapping[str, float] | None = None,
    table: ItemTable | None = None,
    popular_in: Mapping[int, float] | None = None,
    **finder: Any,
) -> Reason:
    """The reason for an item that sources named at their rank 0; adds: contributions by feature."""
    asked = request(candidates([10, 20, 30, 40], {source: {item_id: 1.0} for source in named_by}), state)
    finder = {"config": ReasonConfig(often=2), **finder}
    its = ReasonFinder(asked, table or four_items(), PopularTopics(popular_in or {}), FEATURES, **finder)
    contributions = None if adds is None else np.zeros(len(FEATURES) + 1)
    for name, amount in (adds or {}).items():
        assert contributions is not None
        contributions[FEATURES.names.index(name)] = amount
    return its.reasons([item_id], [branch], None if contributions is None else contributions[None])[0]


def history(*choices: tuple[int, float], **facts: Any) -> ReaderState:
    """choices: (item, gain), oldest first."""
    return reader([(item_id, 100.0 - place, gain) for place, (item_id, gain) in enumerate(choices)], **facts)


def ids(*keys: int) -> np.ndarray:
    return np.array(keys, np.int32)


@pytest.mark.parametrize(("gain", "why"), [(LIKED, Why.LIKED_ITEM), (OPENED, Why.CHOSEN_ITEM)], ids=["liked", "opened"])
def test_a_liked_item_that_is_alike_is_named(gain: float, why: Why) -> None:
    # 20 and 30 have a cosine of 0.8.
    assert found(30, ["two_tower"], history((20, gain))) == Reason(why, item_id=20)


def test_an_item_for_which_a_source_named_this_one_is_named_before_one_that_is_alike() -> None:
    state = history((10, LIKED), (20, LIKED))
    assert found(30, ["covisitation"], state, links={30: 10}) == Reason(Why.LIKED_ITEM, item_id=10)


@pytest.mark.parametrize(
    "state",
    [
        history(),
        history((20, DISMISSED)),
        history((20, LIKED), (20, DISMISSED)),
        history((40, LIKED)),
        history((30, LIKED)),
    ],
    ids=["no history", "dismissed", "liked, then dismissed", "not alike", "itself"],
)
def test_nobody_is_told_that_they_liked_what_they_did_not_or_what_is_not_alike(state: ReaderState) -> None:
    reason = found(30, ["two_tower", "covisitation"], state, links={30: 20})
    assert reason.why not in {Why.LIKED_ITEM, Why.CHOSEN_ITEM}


def test_a_page_names_a_liked_item_so_often_and_then_another_that_is_alike_or_none() -> None:
    # 10, 20 and 30 are in one direction but for a little, and 20 is the more like 30.
    vectors = np.array([[1, 0], [0.95, 0.3122499], [0.9, 0.4358899], [0.9, 0.4358899]], np.float32)
    table = replace(four_items(), vectors=vectors)
    asked = request(candidates([30, 40], {"two_tower": {30: 1.0, 40: 0.9}}), history((10, LIKED), (20, LIKED)))
    names = [
        ReasonFinder(asked, table, PopularTopics({}), FEATURES, config=ReasonConfig(same_item=most)).reasons(
            [30, 40], [Branch.GREEDY, Branch.GREEDY]
        )
        for most in (2, 1)
    ]
    assert [reason.item_id for reason in names[0]] == [20, 20]
    assert [reason.item_id for reason in names[1]] == [20, 10]
    alone = request(candidates([30, 40], {"two_tower": {30: 1.0, 40: 0.9}}), history((20, LIKED)))
    finder = ReasonFinder(alone, table, PopularTopics({}), FEATURES, config=ReasonConfig(same_item=1))
    first, second = finder.reasons([30, 40], [Branch.GREEDY, Branch.GREEDY])
    assert (first.item_id, second.why) == (20, Why.FOR_YOU)


def test_likeness_is_no_reason_when_it_brought_nothing() -> None:
    # Alike, but only the popular source named it, and nothing shows that likeness counted.
    state = history((20, LIKED))
    assert found(30, ["popular"], state, config=ReasonConfig(popular=0.4)).why == Why.POPULAR
    adds = {"similarity_highest": 0.2}
    assert found(30, ["popular"], state, adds=adds).why == Why.LIKED_ITEM
    adds = {"similarity_highest": -0.2}
    assert found(30, ["popular"], state, adds=adds, config=ReasonConfig(popular=0.4)).why == Why.POPULAR


def test_what_added_most_to_the_score_is_said() -> None:
    state = history((20, LIKED), topics=ids(200), authors=ids(5))
    for adds, expected in (
        ({"author_followed": 0.3, "topics_followed": 0.2}, Reason(Why.FOLLOWED_AUTHOR, author=5)),
        ({"author_followed": 0.1, "topics_followed": 0.2}, Reason(Why.FOLLOWED_TOPIC, topic=200)),
        ({"author_liked": 0.3, "topics_followed": 0.2}, Reason(Why.LIKED_AUTHOR, author=5)),
        ({"age_hours": 0.3, "topics_followed": 0.2}, Reason(Why.NEW_FROM_AUTHOR, author=5)),
        ({"age_hours": 0.3, "two_tower_score": 0.4}, Reason(Why.LIKED_AUTHOR, author=5)),
    ):
        assert found(10, ["popular"], state, adds=adds) == expected


def test_the_word_of_a_source_counts_with_all_features_that_hold_it() -> None:
    state = history(topics=ids(100))
    adds = {"followed_score": 0.1, "followed_rank": 0.1, "followed_percentile": 0.1, "age_hours": 0.25}
    assert found(10, ["followed", "fresh"], state, adds=adds).why == Why.FOLLOWED_TOPIC
    # What takes from the score does not count against what adds to it.
    assert found(10, ["followed", "fresh"], state, adds={**adds, "followed_rank": -9.0}).why == Why.NEW_FROM_AUTHOR


def test_of_what_did_as_much_the_more_telling_is_said_however_the_parts_are_summed() -> None:
    # Both were brought by the personal sources' features alone.
    state = history((10, OPENED), (20, OPENED))
    table = replace(four_items(), vectors=np.empty((4, 0), np.float32), authors=np.full(4, NONE, np.int32))
    rng = np.random.default_rng(0)
    for _ in range(100):
        adds = {name: float(rng.normal()) for name in FEATURES.names if name.startswith(("two_tower", "covisitation"))}
        adds["two_tower_score"] = 1.0
        assert found(10, ["two_tower"], state, adds=adds, table=table) == Reason(Why.LIKED_TOPIC, topic=200)


def test_without_contributions_the_source_that_named_it_highest_decides() -> None:
    state = history(topics=ids(200))
    asked = request(candidates([10, 20], {"followed": {10: 2.0, 20: 1.0}, "fresh": {20: 1.0, 10: 0.5}}), state)
    finder = ReasonFinder(asked, four_items(), PopularTopics({}), FEATURES)
    assert finder.reasons([10, 20], [Branch.GREEDY, None]) == [
        Reason(Why.FOLLOWED_TOPIC, topic=200),
        Reason(Why.NEW_FROM_AUTHOR, author=5),
    ]


def test_contributions_that_name_no_cause_leave_it_to_the_sources() -> None:
    # As from an order that is fusion, or from one where the reader's hour did most.
    adds = {"fusion": 0.5, "hour": 3.0}
    assert found(20, ["fresh"], adds=adds) == Reason(Why.NEW_FROM_AUTHOR, author=5)


def test_following_is_said_only_of_what_is_followed() -> None:
    adds = {"author_followed": 1.0, "topics_followed": 1.0}
    assert found(10, ["followed"], history(topics=ids(700), authors=ids(6)), adds=adds).why == Why.IN_TOPIC


def test_a_taste_for_a_topic_takes_several_items_and_the_dearest_is_named() -> None:
    often = history((10, OPENED), (20, OPENED))  # 200 twice, 100 once
    adds = {"topic_liked": 1.0}
    assert found(10, ["popular"], often, adds=adds) == Reason(Why.LIKED_TOPIC, topic=200)
    assert found(10, ["popular"], history((20, OPENED)), adds=adds).why != Why.LIKED_TOPIC


@pytest.mark.parametrize(
    ("age_s", "why"),
    [(6 * DAY_S, Why.NEW_FROM_AUTHOR), (8 * DAY_S, Why.IN_TOPIC), (-60.0, Why.IN_TOPIC), (np.nan, Why.IN_TOPIC)],
    ids=["six days", "eight days", "dated ahead", "not known"],
)
def test_new_is_what_was_published_within_a_week(age_s: float, why: Why) -> None:
    asked = request(candidates([10]))
    table = replace(four_items(), published_s=np.full(4, asked.context.at_s - age_s))
    assert found(10, ["fresh"], table=table, adds={"age_hours": 1.0}).why == why


def test_what_is_new_and_nobodys_is_just_new() -> None:
    table = replace(four_items(), authors=np.full(4, NONE, np.int32))
    assert found(10, ["fresh"], table=table) == Reason(Why.NEW)


def test_popular_now_is_said_only_of_what_is_rising() -> None:
    adds = {"click_rate_hour": 1.0, "log_views_day": 1.0}
    assert found(20, ["trending"], adds=adds) == Reason(Why.TRENDING)
    assert found(20, ["popular"], adds=adds).why != Why.TRENDING


def test_popular_in_a_topic_is_said_of_the_topic_where_it_is_true() -> None:
    assert found(10, ["popular"], popular_in={200: 0.7, 100: 0.8}) == Reason(Why.POPULAR_IN_TOPIC, topic=200)
    assert found(10, ["popular"], popular_in={200: 0.8}, config=ReasonConfig(popular=0.7)) == Reason(Why.POPULAR)
    assert found(10, ["popular"], popular_in={200: 0.8}) == Reason(Why.IN_TOPIC, topic=100)


def test_picked_for_you_needs_a_history_and_a_source_that_reads_it() -> None:
    assert found(40, ["two_tower"], history((10, OPENED))) == Reason(Why.FOR_YOU)
    assert found(40, ["two_tower"]).why == Why.IN_TOPIC
    assert found(40, ["popular"], history((10, OPENED))).why == Why.IN_TOPIC


def test_what_came_from_outside_says_that_it_was_picked_at_random_whatever_else_is_true() -> None:
    assert found(30, ["two_tower"], history((20, LIKED)), branch=Branch.OUTSIDE) == Reason(Why.DIFFERENT)
    asked = request(candidates([10]))
    finder = ReasonFinder(asked, four_items(), PopularTopics({}), FEATURES)
    branches = [Branch.OUTSIDE, Branch.GREEDY, Branch.PINNED]
    whatever = np.full((3, len(FEATURES) + 1), np.nan)
    whatever[1] = 0
    assert [reason.why for reason in finder.reasons([999, 10, 998], branches, whatever)] == [
        Why.DIFFERENT,
        Why.IN_TOPIC,
        Why.PINNED,
    ]
    for branch in (Branch.POOL, None):
        with pytest.raises(ValueError, match="not among the candidates"):
            finder.reasons([999], [branch])


def test_where_nothing_can_be_said_nothing_is_claimed() -> None:
    assert found(30, ["two_tower"]) == Reason(Why.SUGGESTED)  # 30 has no topic
    strange = request(candidates([77], {"popular": {77: 1.0}}))
    finder = ReasonFinder(strange, four_items(), PopularTopics({}), FEATURES)
    assert finder.reasons([77], [Branch.GREEDY]) == [Reason(Why.SUGGESTED)]
    assert finder.reasons([], []) == []


def test_causes_name_sources_and_features_that_exist() -> None:
    names = {name for cause in CAUSES.values() for name in cause.features}
    assert names <= set(FEATURES.names)
    assert {source for cause in CAUSES.values() for source in cause.sources} <= {*SOURCES, *PERSONAL_SOURCES}
    assert Cause() not in CAUSES.values()
