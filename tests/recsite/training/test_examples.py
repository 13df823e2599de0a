"""What comes out of the log for training."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from feedback.forgetting import forget_reader
from feedback.models import Slate
from recsite.funnel.query import HISTORY_LENGTH
from recsite.training.examples import POSITIVES, History, read_history
from retrieval.content import ITEM_CONTENT
from retrieval.features import STATES
from retrieval.spool import POSITIVES as SPOOLED
from tests.factories import NOW, make_interaction, make_item, make_reader, make_slate, make_topic
from tests.recsite.training.histories import make_history, make_positive

HOUR = timedelta(hours=1)
in_database = pytest.mark.django_db(transaction=True)


def read(now: datetime = NOW + HOUR) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_history(now=now).positives.to_pylist()
    return rows


@in_database
def test_a_like_comes_out_with_its_state_and_its_readers_profile() -> None:
    reader = make_reader(languages=["nl"], country="NL", attributes={"age": "25-34"})
    first, second = make_item(), make_item()
    topic = make_topic("Owls")
    make_interaction(reader, "like", first, happened_at=NOW - 2 * HOUR, imported_at=NOW)
    make_interaction(reader, "follow", topic=topic, happened_at=NOW - HOUR)
    make_interaction(reader, "like", second, happened_at=NOW)
    rows = read()
    assert [row["item_id"] for row in rows] == [first.pk, second.pk]
    assert [row["history"] for row in rows] == [[], [first.pk]]
    assert [row["topics"] for row in rows] == [[], [topic.pk]]
    assert [row["imported"] for row in rows] == [True, False]
    assert {row["country"] for row in rows} == {"NL"}
    assert rows[1]["attributes"] == ["age=25-34"]
    assert rows[1]["first_seen_s"] == reader.created_at.timestamp()


@in_database
def test_items_come_with_their_topics_in_order_and_without_hidden_ones() -> None:
    item = make_item("Nightjars", topics=["Owls", "Birds"], author="Ann", language="nl")
    make_item(hidden=True)
    history = read_history(now=NOW)
    assert history.items.schema == ITEM_CONTENT
    (row,) = history.items.to_pylist()
    assert (row["item_id"], row["title"], row["language"]) == (item.pk, "Nightjars", "nl")
    assert row["topics"] == [make_topic("Owls").pk, make_topic("Birds").pk]


@in_database
def test_what_was_chosen_of_a_hidden_item_teaches_nothing_but_stays_in_histories() -> None:
    reader, hidden, item = make_reader(), make_item(hidden=True), make_item()
    make_interaction(reader, "like", hidden, happened_at=NOW - HOUR)
    make_interaction(reader, "like", item, happened_at=NOW)
    assert [(row["item_id"], row["history"]) for row in read()] == [(item.pk, [hidden.pk])]


@in_database
def test_nothing_from_after_now_is_known() -> None:
    reader, item = make_reader(), make_item()
    make_interaction(reader, "like", item, happened_at=NOW)
    assert read(NOW - HOUR) == []
    assert read_history(now=NOW - HOUR).positives.schema == POSITIVES


@in_database
def test_a_forgotten_reader_is_in_no_example() -> None:
    forgotten, other, item = make_reader(), make_reader(), make_item()
    for reader in (forgotten, other):
        make_interaction(reader, "like", item, happened_at=NOW)
    forget_reader(public_id=forgotten.public_id, now=NOW)
    assert [row["reader_id"] for row in read()] == [other.pk]


@in_database
@pytest.mark.parametrize(
    ("surface", "branch", "unprompted"),
    [
        ("home", Slate.Branch.GREEDY, False),
        ("similar", Slate.Branch.GREEDY, False),
        ("home", Slate.Branch.POOL, True),
        ("home", Slate.Branch.OUTSIDE, True),
        ("topic", Slate.Branch.GREEDY, True),
        ("search", Slate.Branch.FALLBACK, True),
    ],
)
def test_what_the_feed_did_not_cause_is_told_apart(surface: str, branch: int, unprompted: bool) -> None:
    """Search, topic pages, and slots that were drawn to explore."""
    reader, items = make_reader(), [make_item(), make_item()]
    slate = make_slate(
        items,
        reader=reader,
        surface=surface,
        branches=[Slate.Branch.GREEDY, branch],
        first_position=24,
        served_at=NOW - HOUR,
    )
    make_interaction(reader, "like", items[1], slate=slate, happened_at=NOW)
    assert [row["unprompted"] for row in read()] == [unprompted]


@in_database
def test_histories_are_as_long_as_those_of_serving() -> None:
    reader = make_reader()
    items = [make_item() for _ in range(3)]
    for place in range(HISTORY_LENGTH + 10):
        item = items[place % 2]
        make_interaction(reader, "click", item, happened_at=NOW - (HISTORY_LENGTH + 20 - place) * timedelta(minutes=1))
    make_interaction(reader, "like", items[2], happened_at=NOW)
    assert len(read()[-1]["history"]) == HISTORY_LENGTH


def test_a_history_is_what_training_and_serving_read() -> None:
    for schema in (SPOOLED, STATES):
        assert {name: POSITIVES.field(name).type for name in schema.names} == {
            name: schema.field(name).type for name in schema.names
        }


def test_windows_hold_what_happened_in_them() -> None:
    history = make_history(*(make_positive(1, 100 + hours, NOW + hours * HOUR) for hours in range(4)))
    assert history.before(NOW + 2 * HOUR)["item_id"].to_pylist() == [100, 101]
    assert history.between(NOW + HOUR, NOW + 3 * HOUR)["item_id"].to_pylist() == [101, 102]


def test_interactions_are_in_order_of_time_and_before_a_moment() -> None:
    history = make_history(
        make_positive(1, 100, NOW + 2 * HOUR, weight=3.0), make_positive(2, 101, NOW), make_positive(3, 102, NOW + HOUR)
    )
    everything = history.interactions()
    assert everything.item_ids.tolist() == [101, 102, 100]
    assert everything.weights.tolist() == [1, 1, 3]
    assert history.interactions(NOW + HOUR).item_ids.tolist() == [101]
    assert history.events.imported.tolist() == [True, True, True]


def test_the_first_choice_of_an_item_counts_and_one_that_nobody_chose_is_never() -> None:
    history = make_history(make_positive(1, 100, NOW + HOUR), make_positive(2, 100, NOW))
    assert history.first_chosen_s(np.array([100, 101])).tolist() == [NOW.timestamp(), np.inf]
    assert make_history().first_chosen_s(np.array([100])).tolist() == [np.inf]


def test_parts_divide_no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsite.training.examples.ROWS_A_TABLE", 3)
    rows = [make_positive(reader, 100 + place, NOW + place * HOUR) for reader in range(5) for place in range(2)]
    history = make_history(*rows)
    parts = list(history.tables(NOW + 9 * HOUR))
    assert len(parts) > 1
    readers = [set(part["reader_id"].to_pylist()) for part in parts]
    assert sum(len(part) for part in readers) == len(set.union(*readers)) == 5
    assert pa.concat_tables(parts).equals(history.positives)
    assert list(History(POSITIVES.empty_table(), history.items).tables(NOW)) == []
