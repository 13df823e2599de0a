from __future__ import annotations

from collections import Counter

import pytest
from django.db import connection

from benchmarks import slate_layouts
from benchmarks.ingest_batches import (
    EVENTS_A_BATCH,
    INTERACTION_COLUMNS,
    VIEW_COLUMNS,
    Batch,
    made_up_batches,
    make_people_and_items,
)
from feedback.events import accept_events
from feedback.models import Slate, SlateDetail
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def batches() -> list[Batch]:
    readers, item_ids = make_people_and_items(NOW)
    return list(made_up_batches(1, 5, readers=readers, item_ids=item_ids, now=NOW))


def copied_from(table: str, columns: tuple[str, ...]) -> list[str]:
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY (SELECT {', '.join(columns)} FROM {table}) TO STDOUT") as copy,
    ):
        return sorted(b"".join(bytes(piece) for piece in copy).decode().splitlines())


def test_the_function_and_the_bare_copy_write_the_same_rows(batches: list[Batch]) -> None:
    for batch in batches:
        results = accept_events(batch.events, sender=batch.sender(), now=NOW)
        assert Counter(result.status for result in results) == {"accepted": EVENTS_A_BATCH}
    written = [copied_from("feedback_view", VIEW_COLUMNS), copied_from("feedback_interaction", INTERACTION_COLUMNS)]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE bare_view (LIKE feedback_view INCLUDING ALL)")
        cursor.execute("CREATE TEMPORARY TABLE bare_interaction (LIKE feedback_interaction INCLUDING ALL)")
        for batch in batches:
            for table, columns, lines in (
                ("bare_view", VIEW_COLUMNS, batch.views),
                ("bare_interaction", INTERACTION_COLUMNS, batch.interactions),
            ):
                with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                    copy.write(lines)
    assert written == [copied_from("bare_view", VIEW_COLUMNS), copied_from("bare_interaction", INTERACTION_COLUMNS)]


def test_four_in_five_events_are_views(batches: list[Batch]) -> None:
    kinds = Counter(event["kind"] for batch in batches for event in batch.events)
    assert 0.8 <= kinds["view"] / kinds.total() <= 0.9


def test_both_layouts_hold_all_24_slots_of_every_slate() -> None:
    _, item_ids = make_people_and_items(NOW)
    costs, _ = slate_layouts.measure_layouts(seed=1, slates=3, item_ids=item_ids, now=NOW)
    assert [cost.layout for cost in costs] == ["arrays", "a row a slot", "arrays, with union and pool"]
    assert [len(slate.items) for slate in Slate.objects.all()] == [24] * 6
    assert {len(detail.features) for detail in SlateDetail.objects.all()} == {24 * 60 * 4}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(length(features)) FROM other_slot")
        assert cursor.fetchone() == (3 * 24, 3 * 24 * 60 * 4)
        cursor.execute("DROP TABLE other_slate, other_slot")
