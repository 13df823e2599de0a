from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from feedback.kinds import Kind
from feedback.models import CountSnapshot, Interaction
from recsite.models import SourceSnapshot
from recsite.releases.snapshots import KEPT, MOST_ITEMS, read_choices, take_source_snapshots
from tests.factories import NOW, make_interaction, make_item, make_reader

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def imported(kind: str = Kind.CLICK, item: Any = None, **fields: Any) -> Interaction:
    """A click that counts without any reading."""
    fields = {"happened_at": NOW - HOUR, "imported_at": NOW - HOUR} | fields
    return make_interaction(make_reader(), kind, item or make_item(), **fields)


def choices() -> list[tuple[int, float]]:
    found = read_choices(now=NOW)
    return list(zip(found.item_ids.tolist(), found.weights.tolist(), strict=True))


def test_choices_are_weighed_and_in_order_of_time() -> None:
    like, click = imported(Kind.LIKE), imported(happened_at=NOW - 2 * HOUR)
    imported(Kind.DISMISS)
    imported(Kind.OUTBOUND)

    assert choices() == [(click.item_id, 1.0), (like.item_id, 3.0)]
    assert read_choices(now=NOW).times_s.tolist() == [(NOW - 2 * HOUR).timestamp(), (NOW - HOUR).timestamp()]


@pytest.mark.parametrize(
    ("dwell_ms", "same_visit", "counts"), [(12_000, True, True), (9_000, True, False), (12_000, False, False)]
)
def test_click_counts_once_it_was_read_in_its_visit(dwell_ms: int, same_visit: bool, counts: bool) -> None:
    reader, item, visit = make_reader(), make_item(), uuid.uuid4()
    make_interaction(reader, Kind.CLICK, item, happened_at=NOW - HOUR, visit_id=visit)
    make_interaction(
        reader,
        Kind.DWELL,
        item,
        happened_at=NOW - HOUR / 2,
        dwell_ms=dwell_ms,
        visit_id=visit if same_visit else uuid.uuid4(),
    )

    assert choices() == ([(item.pk, 1.0)] if counts else [])


@pytest.mark.parametrize(("minutes", "counts"), [(29, True), (31, False), (-1, False)])
def test_click_without_a_visit_was_read_in_the_half_hour_after_it(minutes: int, counts: bool) -> None:
    reader, item = make_reader(), make_item()
    make_interaction(reader, Kind.CLICK, item, happened_at=NOW - HOUR)
    at = NOW - HOUR + timedelta(minutes=minutes)
    make_interaction(reader, Kind.DWELL, item, happened_at=at, dwell_ms=11_000)

    assert choices() == ([(item.pk, 1.0)] if counts else [])


def test_only_what_was_known_counts() -> None:
    """Left out: what came later, what was reported later, what is old, excluded, or was taken back by then."""
    stands = imported(undone_at=NOW + HOUR)
    imported(happened_at=NOW)
    imported(received_at=NOW + HOUR)
    imported(happened_at=NOW - 43 * DAY)
    imported(excluded="bot")
    imported(undone_at=NOW - HOUR / 2)

    assert choices() == [(stands.item_id, 1.0)]


def test_snapshots_say_what_is_chosen_most_and_what_rises() -> None:
    usual, rising = make_item(), make_item()
    for day in range(1, 41):
        imported(item=usual, happened_at=NOW - day * DAY)
    for _ in range(12):
        imported(item=rising)
    imported(Kind.LIKE, usual)

    assert take_source_snapshots(now=NOW) == NOW

    said = {row.source: row for row in SourceSnapshot.objects.all()}
    assert said["popular"].item_ids == [usual.pk, rising.pk] or said["popular"].item_ids == [rising.pk, usual.pk]
    assert said["popular"].scores == sorted(said["popular"].scores, reverse=True)
    assert said["trending"].item_ids == [rising.pk]
    assert {row.as_of for row in CountSnapshot.objects.all()} == {NOW} == {row.as_of for row in said.values()}


def test_taking_them_again_changes_nothing() -> None:
    imported()
    take_source_snapshots(now=NOW)
    before = list(SourceSnapshot.objects.values_list("pk", "scores"))
    take_source_snapshots(now=NOW)

    assert list(SourceSnapshot.objects.values_list("pk", "scores")) == before


def test_old_snapshots_go_but_never_the_newest() -> None:
    take_source_snapshots(now=NOW - KEPT - HOUR)
    take_source_snapshots(now=NOW - HOUR)
    assert SourceSnapshot.objects.count() == 4
    take_source_snapshots(now=NOW)

    assert {row.as_of for row in SourceSnapshot.objects.all()} == {NOW - HOUR, NOW}


def test_quiet_site_has_empty_orders() -> None:
    take_source_snapshots(now=NOW)

    assert [row.item_ids for row in SourceSnapshot.objects.all()] == [[], []]
    assert MOST_ITEMS > 10_000
