from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from retrieval.config import TowerConfig
from retrieval.content import AGE_BUCKETS, ITEM_CONTENT, NEW_ITEM, WORDS, ItemContent, item_rows
from retrieval.hashing import PADDING, hashed, hashed_words
from retrieval.ids import UNKNOWN

CONFIG = TowerConfig()
PUBLISHED = datetime(2026, 1, 1, tzinfo=UTC)


def content(**columns: object) -> ItemContent:
    row = {
        "item_id": [9],
        "title": ["Tea at dawn"],
        "summary": [""],
        "topics": [[4]],
        "author": [2],
        "language": ["en"],
        "published_at": [PUBLISHED],
    } | columns
    return ItemContent.from_table(pa.table(row, schema=ITEM_CONTENT), CONFIG)


def numbered(count: int) -> str:
    return " ".join(f"w{number}" for number in range(count))


def test_words_and_their_pairs_are_hashed_whatever_their_case() -> None:
    words = content(title=["Tea at DAWN"]).words[0]
    expected = {hashed(f"word:{word}", CONFIG.word_buckets) for word in ("tea", "at", "dawn", "tea at", "at dawn")}
    assert set(words.tolist()) == expected | {PADDING}


def test_the_title_comes_before_a_long_summary() -> None:
    words = content(title=["Tea"], summary=["word " * 500]).words[0]
    assert words.shape == (WORDS,)
    assert words[0] == hashed("word:tea", CONFIG.word_buckets)


def test_a_long_text_keeps_a_third_of_its_places_for_pairs_the_titles_first() -> None:
    words = content(title=["Tea at dawn"], summary=[numbered(200)]).words[0].tolist()
    of_pairs = [f"word:{pair}" for pair in ("tea at", "at dawn", *(f"w{n} w{n + 1}" for n in range(14)))]
    assert words[WORDS - 16 :] == [hashed(pair, CONFIG.word_buckets) for pair in of_pairs]
    assert words[:4] == [hashed(f"word:{word}", CONFIG.word_buckets) for word in ("tea", "at", "dawn", "w0")]


def test_no_pair_joins_the_title_and_the_summary() -> None:
    words = content(title=["Green tea"], summary=["Red wine"]).words[0]
    said = ("green", "tea", "red", "wine", "green tea", "red wine")
    assert set(words.tolist()) == {hashed(f"word:{word}", CONFIG.word_buckets) for word in said} | {PADDING}


def test_places_that_pairs_do_not_need_are_for_words() -> None:
    words = content(title=["one"], summary=["two"]).words[0]
    assert np.count_nonzero(words) == 2
    single = [f"alone{number}" for number in range(WORDS)]
    assert len(set(hashed_words(*single, buckets=1 << 20, most=WORDS))) == WORDS


@pytest.mark.parametrize("most", range(6))
def test_no_more_rows_come_than_were_asked_for(most: int) -> None:
    assert len(hashed_words(numbered(9), numbered(9), buckets=64, most=most)) == most


def test_a_row_is_never_padding_and_stays_within_the_table() -> None:
    rows = hashed_words(numbered(300), buckets=16, most=300)
    assert min(rows) > PADDING
    assert max(rows) < 16


def test_equal_numbers_of_two_kinds_have_rows_of_their_own() -> None:
    assert hashed("topic:7", 1 << 15) != hashed("author:7", 1 << 15)


def test_hashes_are_the_same_on_every_machine() -> None:
    assert hashed("word:tea", 1 << 15) == 1361


def test_nothing_known_is_padding() -> None:
    empty = content(title=[None], summary=[None], topics=[None], author=[None], language=[""], published_at=[None])
    assert not empty.words.any()
    assert not empty.topics.any()
    assert (empty.authors[0], empty.languages[0]) == (PADDING, PADDING)
    assert empty.age_buckets(PUBLISHED.timestamp(), np.array([0])).tolist() == [0]


def test_older_items_are_in_later_buckets_and_the_last_one_has_no_end() -> None:
    ages_h = [0, 1, 24, 24 * 30, 24 * 365, 24 * 365 * 1000]
    item = content()
    buckets = [item.age_buckets(PUBLISHED.timestamp() + 3600 * age, np.array([0]))[0] for age in ages_h]
    assert buckets == sorted(buckets)
    assert (buckets[0], buckets[-1]) == (1, AGE_BUCKETS - 1)


def test_an_item_that_was_not_out_yet_has_no_age() -> None:
    assert content().age_buckets(PUBLISHED.timestamp() - 1, np.array([0])).tolist() == [0]


def test_unknown_items_share_the_row_of_the_new() -> None:
    assert item_rows(np.array([UNKNOWN, 0, 5])).tolist() == [NEW_ITEM, NEW_ITEM + 1, NEW_ITEM + 6]


def test_missing_columns_are_named() -> None:
    with pytest.raises(ValueError, match=r"lacks \['title'"):
        ItemContent.from_table(pa.table({"item_id": [1]}), CONFIG)


def test_an_item_that_stands_there_twice_is_refused() -> None:
    twice = pa.concat_tables([pa.table({name: pa.nulls(1, kind) for name, kind in KINDS}, schema=ITEM_CONTENT)] * 2)
    ids = twice.set_column(0, "item_id", pa.array([3, 3]))
    with pytest.raises(ValueError, match="repeat"):
        ItemContent.from_table(ids, CONFIG)


KINDS = [(field.name, field.type) for field in ITEM_CONTENT]
