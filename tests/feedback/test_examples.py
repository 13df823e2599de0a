from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from psycopg import sql

from feedback.examples import labelled_visits, retriever_positives
from feedback.labels import LABELLED_VISITS, LabelConfig
from feedback.log_connection import fetch, log_connection, one_moment
from feedback.log_fragments import Fragment, plan_fragments, read_fragment
from feedback.positives import RETRIEVER_POSITIVES
from feedback.surfaces import Excluded, Surface
from tests.factories import (
    NOW,
    make_interaction,
    make_item,
    make_reader,
    make_slate,
    make_view,
    make_visit_id,
)

pytestmark = pytest.mark.django_db(transaction=True)

SINCE, UNTIL = NOW - timedelta(days=1), NOW + timedelta(days=1)


def rows(**options: Any) -> list[dict[str, Any]]:
    tables = list(labelled_visits(**{"since": SINCE, "until": UNTIL} | options))
    assert all(table.schema == LABELLED_VISITS for table in tables)
    return pa.concat_tables(tables).to_pylist() if tables else []


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_recorded_visit_comes_out_as_it_was_served_and_answered() -> None:
    reader, items = make_reader(), [make_item() for _ in range(3)]
    slate = make_slate(
        items,
        reader=reader,
        first_position=24,
        columns=4,
        features=[[1.0, 0.5], [2.0, 0.25], [3.0, 0.125]],
        feature_set="two",
        counts_as_of=NOW - timedelta(hours=1),
        scores=[0.9, 0.8, 0.7],
        propensities=[0.5, 0.25, None],
    )
    make_view(slate, 0)
    make_view(slate, 1, after_s=3)
    make_interaction(reader, "click", items[1], slate=slate, happened_at=after(10))
    make_interaction(reader, "dwell", items[1], slate=slate, happened_at=after(40), dwell_ms=25_000)
    found = rows()
    assert [row["label"] for row in found] == ["negative", "positive", "unknown"]
    positive = found[1]
    assert positive.pop("score") == pytest.approx(0.8)
    assert positive == {
        "visit_id": slate.visit_id.bytes,
        "reader_public_id": reader.public_id.bytes,
        "reader_bucket": slate.reader_bucket,
        "slate_id": slate.id.bytes,
        "position": 25,
        "columns": 4,
        "item_id": items[1].pk,
        "label": "positive",
        "gain": 1,
        "kind": "click",
        "surface": "home",
        "served_at": NOW,
        "viewed_at": after(3),
        "known_until": NOW - timedelta(minutes=1),
        "counts_as_of": NOW - timedelta(hours=1),
        "release": 1,
        "policy": "greedy",
        "propensity": 0.25,
        "feature_set": "two",
        "features": struct.pack("<2f", 2.0, 0.25),
    }


@pytest.mark.parametrize("excluded", Excluded)
def test_what_never_teaches_is_left_out_altogether(excluded: str) -> None:
    make_view(make_slate([1, 2], excluded=excluded), 0)
    assert rows() == []


def test_a_reaction_reported_by_another_slate_of_the_visit_counts() -> None:
    reader, item = make_reader(), make_item()
    first = make_slate([item], reader=reader)
    second = make_slate([item, 999], reader=reader, served_at=after(60), visit_id=first.visit_id)
    make_view(second, 0)
    make_interaction(reader, "like", item, slate=first, happened_at=after(90))
    assert [(row["slate_id"], row["label"]) for row in rows()] == [
        (second.id.bytes, "positive"),
        (second.id.bytes, "unknown"),
    ]


def test_a_visit_across_midnight_is_one_visit_of_the_day_in_which_it_began() -> None:
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    visit = make_visit_id(midnight - timedelta(minutes=5))
    for number, minutes in enumerate((-5, 10)):
        make_view(make_slate([number], served_at=midnight + timedelta(minutes=minutes), visit_id=visit), 0)
    tables = list(labelled_visits(since=SINCE, until=midnight + timedelta(hours=1)))
    assert [table["item_id"].to_pylist() for table in tables] == [[0, 1]]
    assert rows(since=midnight, until=midnight + timedelta(hours=1)) == []


def test_small_fragments_give_the_same_rows_and_split_no_visit() -> None:
    for number in range(12):
        visit = make_visit_id(after(3_600 * number))
        public_id = make_reader().public_id
        for page in range(2):
            slate = make_slate(
                [10 * number + page, 500],
                served_at=after(3_600 * number + 60 * page),
                visit_id=visit,
                reader_public_id=public_id,
            )
            make_view(slate, page)
    whole, small = rows(), [*labelled_visits(since=SINCE, until=UNTIL, max_impressions=4)]
    assert len(small) > 6
    assert len({visit for table in small for visit in set(table["visit_id"].to_pylist())}) == 12
    assert sum(len(set(table["visit_id"].to_pylist())) for table in small) == 12
    assert sorted(map(str, pa.concat_tables(small).to_pylist())) == sorted(map(str, whole))


def test_fragments_leave_out_empty_days_and_hold_each_visit_once() -> None:
    for days in (0, 3):
        for _ in range(5):
            make_slate([1, 2, 3], served_at=NOW + timedelta(days=days))
    with log_connection() as session:
        planned = list(plan_fragments(session, since=SINCE, until=NOW + timedelta(days=5), max_impressions=6))
        slates = [slate for part in planned for slate in read_fragment(session, part).slates["slate_id"].to_pylist()]
    assert {part.start.date().day for part in planned} == {1, 4}
    assert len(planned) > 2
    assert len(slates) == len(set(slates)) == 10


def test_a_fragment_is_read_without_what_belongs_to_others() -> None:
    reader, item = make_reader(), make_item()
    mine = make_slate([item], reader=reader)
    other = make_slate([item], served_at=NOW - timedelta(days=1))
    for slate in (mine, other):
        make_view(slate, 0)
        make_interaction(reader, "click", item, slate=slate, happened_at=slate.served_at)
    with log_connection() as session:
        log = read_fragment(session, Fragment(NOW, NOW + timedelta(hours=1)))
    assert [len(log.slates), len(log.views), len(log.interactions)] == [1, 1, 1]
    assert log.views["slate_id"].to_pylist() == [mine.id.bytes]


def test_skip_above_is_a_choice() -> None:
    reader, items = make_reader(), [make_item() for _ in range(2)]
    slate = make_slate(items, reader=reader)
    for slot in range(2):
        make_view(slate, slot)
    make_interaction(reader, "like", items[0], slate=slate, happened_at=after(5))
    assert [row["label"] for row in rows()] == ["positive", "negative"]
    assert [row["label"] for row in rows(config=LabelConfig(skip_above=True))] == ["positive", "unknown"]


def test_positives_stream_by_reader_with_states_that_look_back_only() -> None:
    readers, items = [make_reader() for _ in range(3)], [make_item() for _ in range(3)]
    for reader in readers:
        slate = make_slate(items, reader=reader)
        make_interaction(reader, "like", items[0], happened_at=after(-600))
        make_interaction(reader, "save", items[1], slate=slate, happened_at=after(20))
        make_interaction(reader, "like", items[2], happened_at=after(30), excluded=Excluded.PERSONALISATION_OFF)
    tables = list(retriever_positives(since=SINCE, until=UNTIL, max_interactions=1))
    assert [set(table["reader_id"].to_pylist()) for table in tables] == [{reader.pk} for reader in readers]
    found = tables[0].to_pylist()
    assert tables[0].schema == RETRIEVER_POSITIVES
    assert [(row["item_id"], row["weight"], row["history"]) for row in found] == [
        (items[0].pk, 3.0, []),
        (items[1].pk, 3.0, [items[0].pk]),
    ]
    assert (found[1]["surface"], found[1]["state_at"]) == (Surface.HOME, slate.known_until)


def test_readers_that_fit_together_come_in_one_table() -> None:
    item = make_item()
    for _ in range(4):
        make_interaction(make_reader(), "like", item)
    assert [len(table) for table in retriever_positives(since=SINCE, until=UNTIL)] == [4]
    assert [len(table) for table in retriever_positives(since=SINCE, until=UNTIL, max_interactions=2)] == [2, 2]


def test_a_window_of_centuries_costs_no_more_than_its_log() -> None:
    make_view(make_slate([1]), 0)
    far = timedelta(days=300 * 365)
    assert [row["item_id"] for row in rows(since=NOW - far, until=NOW + far)] == [1]


def test_everything_of_a_fragment_is_read_at_one_moment() -> None:
    slate = make_slate([1, 2])
    with log_connection() as session, one_moment(session) as cursor:
        query = sql.Composed([sql.SQL("SELECT count(*) FROM feedback_view")])
        counts = [fetch(cursor, query).column(0).to_pylist()]
        make_view(slate, 0)
        counts.append(fetch(cursor, query).column(0).to_pylist())
    assert counts == [[0], [0]]


def test_nothing_logged_teaches_nothing() -> None:
    assert rows() == []
    assert list(retriever_positives(since=SINCE, until=UNTIL)) == []
