"""What a state knew of its reader beside the history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa

from recsite.training.profiles import FOLLOWS, PROFILE_COLUMNS, READERS, Profiles, with_profiles
from tests.factories import NOW
from tests.recsite.training.histories import make_positive, make_positives

HOUR = timedelta(hours=1)


def profiled(
    *rows: Any, readers: list[dict[str, Any]] | None = None, follows: list[dict[str, Any]] | None = None
) -> Any:
    positives = make_positives(*rows).drop_columns(PROFILE_COLUMNS.names)
    profiles = Profiles(
        pa.Table.from_pylist(readers or [], schema=READERS), pa.Table.from_pylist(follows or [], schema=FOLLOWS)
    )
    return with_profiles(positives, profiles).to_pylist()


def follow(topic: int, *, from_h: float, until_h: float | None = None, reader: int = 1) -> dict[str, Any]:
    """from_h, until_h: hours from NOW."""
    return {
        "reader_id": reader,
        "topic": topic,
        "received_at": NOW + from_h * HOUR,
        "undo_received_at": None if until_h is None else NOW + until_h * HOUR,
    }


def topics_at(*follows: dict[str, Any], **fields: Any) -> list[int]:
    (row,) = profiled(make_positive(1, 101, **fields), follows=list(follows))
    return row["topics"]


def test_what_readers_say_of_themselves_stands_beside_each_of_their_states() -> None:
    reader = {"reader_id": 1, "languages": ["nl", "en"], "country": "NL", "attributes": '{"b": "x", "age": "25-34"}'}
    rows = profiled(make_positive(1, 101), make_positive(2, 101), readers=[reader | {"created_at": NOW}])
    assert rows[0]["languages"] == ["en", "nl"]
    assert rows[0]["country"] == "NL"
    assert rows[0]["attributes"] == ["age=25-34", "b=x"]
    assert rows[0]["first_seen_s"] == NOW.timestamp()
    assert (rows[1]["country"], rows[1]["first_seen_s"]) == (None, None)


def test_a_topic_is_followed_from_when_the_site_knew_until_it_was_taken_back() -> None:
    assert topics_at(follow(7, from_h=-1)) == [7]
    assert topics_at(follow(7, from_h=1)) == []
    assert topics_at(follow(7, from_h=-2, until_h=-1)) == []
    assert topics_at(follow(7, from_h=-2, until_h=1)) == [7]


def test_a_follow_of_the_same_moment_is_known_to_a_slate_but_not_to_what_came_without_one() -> None:
    assert topics_at(follow(7, from_h=0)) == []
    assert topics_at(follow(7, from_h=0), happened_at=NOW + HOUR) == [7]


def test_what_is_followed_stands_in_the_order_of_serving_and_readers_follow_for_themselves() -> None:
    follows = [follow(9, from_h=-3), follow(5, from_h=-2), follow(6, from_h=-2, reader=2)]
    assert topics_at(*follows) == [5, 9]


def test_authors_are_no_topics() -> None:
    row = {"reader_id": 1, "author": 4, "received_at": NOW - HOUR}
    (found,) = profiled(make_positive(1, 101), follows=[row])
    assert (found["topics"], found["authors"]) == ([], [4])


def test_rows_keep_their_order() -> None:
    rows = profiled(*(make_positive(reader, 100 + reader) for reader in range(5)), follows=[follow(7, from_h=-1)])
    assert [(row["item_id"], row["topics"]) for row in rows] == [(100, []), (101, [7]), (102, []), (103, []), (104, [])]
