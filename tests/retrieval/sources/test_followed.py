from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from retrieval.sources.followed import Followed, FollowedConfig
from retrieval.sources.item_table import ItemTable
from tests.retrieval.sources.states import AT, AT_S, NOTHING, reader_of

BUSY, QUIET, AUTHOR = 100, 200, 7
AGES_HOURS = {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0, 11: 50.0, 12: 60.0, 21: 90.0, 99: -1.0}
"""1 to 4 are of the busy topic, 11 and 12 of the quiet one, 21 and 12 by the author; 99, busy, is not out yet."""

TABLE = ItemTable(
    np.array(list(AGES_HOURS)),
    AT_S - np.array(list(AGES_HOURS.values())) * 3600,
    ["de" if item_id == 2 else "en" for item_id in AGES_HOURS],
)
TOPICS = np.array([[4, BUSY], [1, BUSY], [2, BUSY], [3, BUSY], [99, BUSY], [12, QUIET], [11, QUIET], [555, QUIET]])
AUTHORS = np.array([[21, AUTHOR], [12, AUTHOR]])
SOURCE = Followed.fit(TABLE, FollowedConfig(), item_topics=TOPICS, item_authors=AUTHORS)


def test_the_newest_of_a_topic_come_first() -> None:
    proposed = SOURCE.candidates(reader_of([], topics=(BUSY,)), 3, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [1, 2, 3]
    assert proposed.scores.tolist() == pytest.approx([1.0, 1 / 2, 1 / 3])


def test_a_busy_topic_does_not_drown_a_quiet_one() -> None:
    proposed = SOURCE.candidates(reader_of([], topics=(BUSY, QUIET)), 6, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [1, 11, 2, 12, 3, 4]
    assert proposed.scores.tolist() == pytest.approx([1.0, 1.0, 1 / 2, 1 / 2, 1 / 3, 1 / 4])


def test_an_item_of_two_shelves_stands_once_at_its_earlier_place() -> None:
    proposed = SOURCE.candidates(reader_of([], topics=(QUIET,), authors=(AUTHOR,)), 5, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [11, 12, 21]
    assert proposed.scores.tolist() == pytest.approx([1.0, 1.0, 1 / 2])


def test_authors_are_followed_like_topics() -> None:
    proposed = SOURCE.candidates(reader_of([], authors=(AUTHOR,)), 5, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [12, 21]


def test_an_item_is_never_proposed_before_it_is_published() -> None:
    later = SOURCE.candidates(reader_of([], topics=(BUSY,), at=AT + timedelta(hours=1)), 1, exclude=NOTHING)
    assert later.item_ids.tolist() == [99]
    assert 99 not in SOURCE.candidates(reader_of([], topics=(BUSY,)), 9, exclude=NOTHING).item_ids


def test_excluded_items_leave_their_place_to_the_next() -> None:
    proposed = SOURCE.candidates(reader_of([], topics=(BUSY, QUIET)), 2, exclude=np.array([1, 11]))
    assert proposed.item_ids.tolist() == [2, 12]


def test_a_reader_gets_languages_that_she_reads() -> None:
    proposed = SOURCE.candidates(reader_of([], topics=(BUSY,), languages=("en",)), 2, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [1, 3]


def test_who_follows_nothing_or_only_what_is_not_known_gets_nothing() -> None:
    assert len(SOURCE.candidates(reader_of([1, 2]), 5, exclude=NOTHING)) == 0
    assert len(SOURCE.candidates(reader_of([], topics=(12345,)), 5, exclude=NOTHING)) == 0


def test_only_so_many_of_one_topic_are_proposed() -> None:
    short = Followed.fit(TABLE, FollowedConfig(newest=1), item_topics=TOPICS, item_authors=AUTHORS)
    assert short.candidates(reader_of([], topics=(BUSY, QUIET)), 9, exclude=NOTHING).item_ids.tolist() == [1, 11]
    with pytest.raises(ValueError, match="newest"):
        FollowedConfig(newest=0)


def test_a_catalogue_without_topics_and_authors_is_no_error() -> None:
    none = np.empty((0, 2), np.int64)
    source = Followed.fit(TABLE, FollowedConfig(), item_topics=none, item_authors=none)
    assert len(source.candidates(reader_of([], topics=(BUSY,)), 5, exclude=NOTHING)) == 0
