from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from retrieval.config import TowerConfig
from retrieval.content import FIRST_ITEM, NEW_ITEM, TOPICS, ItemContent
from retrieval.features import (
    GAP_BUCKETS,
    SEARCH_WORDS,
    encode_states,
    encode_table,
    feature_sizes,
    gap_buckets,
)
from retrieval.hashing import PADDING, hashed
from retrieval.query_state import QueryState
from retrieval.training_errors import NotFinite
from tests.retrieval.worlds import EVEN_TOPIC, ODD_TOPIC, catalogue

CONFIG = TowerConfig(history_length=3)
CONTENT = ItemContent.from_table(catalogue(6), CONFIG)
TUESDAY = datetime(2026, 3, 3, 14, 30, tzinfo=UTC)


def state(items: list[int], ages_s: list[float] | None = None, **more: object) -> QueryState:
    return QueryState(
        at=TUESDAY,
        history=np.array(items, np.int64),
        history_kinds=("click",) * len(items),
        history_ages_s=np.array(ages_s if ages_s is not None else [60.0] * len(items), np.float32),
        **more,  # type: ignore[arg-type]
    )


def test_the_most_recent_comes_first_and_the_oldest_falls_off() -> None:
    features = encode_states([state([100, 101, 102, 103])], CONTENT, CONFIG)
    assert features.history.tolist() == [[FIRST_ITEM + 3, FIRST_ITEM + 2, FIRST_ITEM + 1]]


def test_an_item_that_training_never_met_is_new_and_not_nothing() -> None:
    assert encode_states([state([100, 555])], CONTENT, CONFIG).history.tolist() == [[NEW_ITEM, FIRST_ITEM, PADDING]]


def test_somebody_of_whom_nothing_is_known_is_all_padding_but_for_the_moment() -> None:
    features = encode_states([QueryState(at=TUESDAY)], CONTENT, CONFIG)
    known = {name for name, array in features.arrays().items() if array.any()}
    assert known == {"moments"}


def test_a_moment_is_the_hour_and_the_day_of_the_week() -> None:
    assert encode_states([QueryState(at=TUESDAY)], CONTENT, CONFIG).moments.tolist() == [[15, 2]]


def test_the_topics_of_recent_items_travel_with_the_query() -> None:
    topics = encode_states([state([100, 101])], CONTENT, CONFIG).history_topics
    assert topics[0, 0] == hashed(f"topic:{ODD_TOPIC}", CONFIG.topic_buckets)
    assert topics[0, TOPICS] == hashed(f"topic:{EVEN_TOPIC}", CONFIG.topic_buckets)


def test_an_older_event_has_a_later_bucket() -> None:
    buckets = gap_buckets(np.array([0, 10, 60, 3600, 86400, 86400 * 365 * 100], np.float32))
    assert buckets.tolist() == sorted(set(buckets.tolist()))
    assert (buckets[0], buckets[-1]) == (1, GAP_BUCKETS - 1)


def test_an_age_below_zero_raises_and_is_never_clipped() -> None:
    table = pa.table(
        {"state_at": pa.array([TUESDAY]), "history": [[100]], "history_kinds": [["click"]], "history_ages_s": [[-5.0]]}
    )
    with pytest.raises(ValueError, match="had not happened yet"):
        encode_table(table, CONTENT, CONFIG)


@pytest.mark.parametrize("missing", [float("nan"), None])
def test_an_age_that_nobody_knows_is_named_and_not_taken_for_another(missing: float | None) -> None:
    table = pa.table(
        {
            "state_at": pa.array([TUESDAY]),
            "history": [[100, 101]],
            "history_kinds": [["click", "click"]],
            "history_ages_s": pa.array([[43_200.0, missing]], pa.list_(pa.float32())),
        }
    )
    with pytest.raises(NotFinite, match="NaN or null"):
        encode_table(table, CONTENT, CONFIG)


def test_the_latest_search_comes_first_and_none_overflows() -> None:
    searches = encode_states([QueryState(at=TUESDAY, searches=("old " * 30, "new"))], CONTENT, CONFIG).searches
    assert searches.shape == (1, SEARCH_WORDS)
    assert searches[0, 0] == hashed("word:new", CONFIG.word_buckets)
    assert (searches[0] == hashed("word:old", CONFIG.word_buckets)).sum() > 10


def test_languages_country_and_attributes_are_told_apart() -> None:
    nl = encode_states([QueryState(at=TUESDAY, languages=("nl",))], CONTENT, CONFIG).traits
    country = encode_states([QueryState(at=TUESDAY, country="nl")], CONTENT, CONFIG).traits
    attribute = encode_states([QueryState(at=TUESDAY, attributes={"plan": "nl"})], CONTENT, CONFIG).traits
    assert len({nl[0, 0], country[0, 0], attribute[0, 0]}) == 3


def test_what_is_followed_has_the_rows_of_the_items_own_topics_and_authors() -> None:
    features = encode_states([QueryState(at=TUESDAY, topics=(EVEN_TOPIC,), authors=(1,))], CONTENT, CONFIG)
    assert features.topics[0, 0] == CONTENT.topics[0, 0]
    assert features.authors[0, 0] == CONTENT.authors[0]


def test_a_table_and_its_states_are_encoded_alike() -> None:
    table = pa.table(
        {
            "state_at": pa.array([TUESDAY, TUESDAY]),
            "history": [[100, 105], None],
            "history_kinds": pa.array([["click", "click"], []], pa.list_(pa.dictionary(pa.int8(), pa.string()))),
            "history_ages_s": [[90.0, 30.0], []],
            "attributes": [["age=30"], []],
        }
    )
    states = [state([100, 105], [90.0, 30.0], attributes={"age": "30"}), QueryState(at=TUESDAY)]
    from_table, from_states = encode_table(table, CONTENT, CONFIG), encode_states(states, CONTENT, CONFIG)
    for name, array in from_states.arrays().items():
        np.testing.assert_array_equal(from_table.arrays()[name], array, err_msg=name)


def test_sizes_say_what_is_encoded() -> None:
    arrays = encode_states([state([100])], CONTENT, CONFIG).arrays()
    assert {name: array.shape[1] for name, array in arrays.items()} == {
        name: width for name, (width, _) in feature_sizes(CONFIG).items()
    }
