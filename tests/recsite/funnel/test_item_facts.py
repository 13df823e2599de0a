from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ranking.request import NONE
from recsite.funnel.item_facts import ItemFacts
from retrieval.content import ITEM_CONTENT
from retrieval.query_state import QueryState
from tests.retrieval.worlds import START, UNTIL, catalogue

NOBODY = np.empty(0, np.int64)


def three_items(**changes: Any) -> pa.Table:
    """Of 20 nothing is known; 30 is dated a day ahead of `UNTIL`."""
    columns = {
        "item_id": [30, 10, 20],
        "title": ["c", "a", "b"],
        "summary": ["", "", ""],
        "topics": [[7, 5], [5], None],
        "author": [4, 4, None],
        "language": ["nl", "en", ""],
        "published_at": [UNTIL + timedelta(days=1), START, None],
    }
    return pa.table(columns | changes, schema=ITEM_CONTENT)


def test_columns_stand_in_order_of_item_id() -> None:
    facts = ItemFacts.of(three_items())
    assert facts.item_ids.tolist() == [10, 20, 30]
    assert facts.topic_offsets.tolist() == [0, 1, 1, 3]
    assert facts.topics.tolist() == [5, 7, 5]
    assert facts.authors.tolist() == [4, NONE, 4]
    assert facts.language_codes == {"en": 0, "nl": 1}
    assert facts.languages.tolist() == [0, NONE, 1]
    assert facts.published_s[[0, 2]].tolist() == [START.timestamp(), (UNTIL + timedelta(days=1)).timestamp()]
    assert np.isnan(facts.published_s[1])
    assert facts.cap_keys.tolist() == [[5, 4], [NONE, NONE], [7, 4]]


def test_a_table_in_pieces_is_read_like_one() -> None:
    whole = catalogue()
    facts, again = ItemFacts.of(whole), ItemFacts.of(pa.concat_tables([whole.slice(10), whole.slice(0, 10)]))
    for name in ("item_ids", "topic_offsets", "topics", "authors", "languages", "published_s"):
        np.testing.assert_array_equal(getattr(again, name), getattr(facts, name))


def test_an_empty_catalogue_is_a_catalogue() -> None:
    facts = ItemFacts.of(three_items().slice(0, 0))
    assert len(facts) == facts.num_out(0) == 0
    assert facts.rows_of(np.array([1])).tolist() == [NONE]
    assert len(facts.fresh.candidates(QueryState(at=UNTIL), 5, exclude=NOBODY)) == 0


def test_an_item_that_stands_twice_or_a_missing_column_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        ItemFacts.of(three_items(item_id=[10, 10, 20]))
    with pytest.raises(ValueError, match="topics"):
        ItemFacts.of(three_items().drop_columns(["topics"]))


def test_an_item_dated_ahead_is_fresh_once_it_is_out() -> None:
    facts = ItemFacts.of(three_items())

    def fresh(days: int, *languages: str) -> list[int]:
        state = QueryState(at=UNTIL + timedelta(days=days), languages=languages)
        return facts.fresh.candidates(state, 5, exclude=NOBODY).item_ids.tolist()

    assert fresh(0) == [10]
    assert fresh(2) == [30, 10]
    assert fresh(2, "en") == [10]
    assert [facts.num_out((UNTIL + timedelta(days=days)).timestamp()) for days in (0, 1, 2)] == [1, 2, 2]


def test_who_follows_a_topic_or_an_author_is_told_of_their_items() -> None:
    facts = ItemFacts.of(three_items())
    later = UNTIL + timedelta(days=2)

    def followed(**follows: Any) -> list[int]:
        return facts.followed.candidates(QueryState(at=later, **follows), 5, exclude=NOBODY).item_ids.tolist()

    assert followed(topics=(7,)) == [30]
    assert followed(topics=(5,)) == [30, 10]
    assert followed(authors=(4,)) == [30, 10]
    assert followed() == []
