from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from feedback.models import CountSnapshot, Interaction, Slate, SlateDetail, View
from feedback.partitions import TABLES, Month, drop_expired, ensure_partitions, partitions
from feedback.retention import Retention, apply_retention
from tests.factories import NOW, make_interaction, make_item, make_reader, make_slate, make_view

pytestmark = [pytest.mark.django_db, pytest.mark.database]
KEPT = Retention(slates=timedelta(days=100), details=timedelta(days=40), interactions=timedelta(days=100))


def rows_of(partition: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{partition}"')
        return int(cursor.fetchone()[0])


def test_this_month_and_the_next_two_are_made_and_making_them_again_does_nothing() -> None:
    now = datetime(2041, 3, 10, tzinfo=UTC)  # no other test lives then: a partition that one committed stays
    made = ensure_partitions(now=now)
    assert len(made) == 3 * len(TABLES)
    assert set(partitions("feedback_slate")) >= {Month(2041, 3), Month(2041, 4), Month(2041, 5)}
    assert ensure_partitions(now=now) == []


def test_a_slate_lands_in_the_partition_of_its_month() -> None:
    ensure_partitions(now=NOW)
    for served_at in (datetime(2026, 3, 31, 23, 59, 59, 999000, UTC), datetime(2026, 4, 1, tzinfo=UTC)):
        make_view(make_slate([make_item()], served_at=served_at), 0)
    for table in ("feedback_slate", "feedback_view"):
        assert (rows_of(f"{table}_2026_03"), rows_of(f"{table}_2026_04"), rows_of(f"{table}_default")) == (1, 1, 0)


def test_a_month_without_a_partition_loses_nothing_and_moves_into_one_when_it_is_made() -> None:
    far = datetime(2031, 7, 14, tzinfo=UTC)
    slate = make_slate([make_item()], served_at=far, features=[[1.0]])
    make_view(slate, 0)
    assert rows_of("feedback_slate_default") == 1
    ensure_partitions(now=NOW)
    for table in TABLES:
        assert (rows_of(f"{table}_default"), rows_of(f"{table}_2031_07")) == (0, 1)
    assert Slate.objects.get().id == slate.id


def test_only_what_is_past_its_time_as_a_whole_is_dropped() -> None:
    ensure_partitions(now=datetime(2025, 12, 5, tzinfo=UTC))
    assert drop_expired(table="feedback_view", before=datetime(2026, 1, 31, tzinfo=UTC)) == ["feedback_view_2025_12"]
    assert Month(2026, 1) in partitions("feedback_view")


def test_details_go_before_slates_do() -> None:
    slate = make_slate([make_item()], served_at=NOW - timedelta(days=75), features=[[1.0]])
    make_view(slate, 0)
    ensure_partitions(now=NOW)
    apply_retention(now=NOW, retention=KEPT, counted_until=NOW)
    assert (Slate.objects.count(), View.objects.count(), SlateDetail.objects.count()) == (1, 1, 0)


def test_what_never_teaches_is_kept_seven_days() -> None:
    item = make_item()
    for age in (timedelta(days=7, minutes=1), timedelta(days=6, hours=23)):
        at = NOW - age
        make_slate([item], served_at=at, features=[[1.0]])
        make_view(make_slate([item], served_at=at), 0)
        make_view(make_slate([item], served_at=at, excluded="staff"), 0)
    removed = apply_retention(now=NOW, retention=KEPT, counted_until=NOW)
    assert removed.slates == 2
    assert (Slate.objects.count(), View.objects.count(), SlateDetail.objects.count()) == (4, 3, 1)


def test_what_was_not_counted_yet_is_kept_though_nobody_looked_at_it() -> None:
    """What is excluded is in no count and goes; so does what was counted."""
    counted_until = NOW - timedelta(days=12)
    item, hour = make_item(), timedelta(hours=1)
    for at in (counted_until - hour, counted_until + hour):
        make_slate([item], served_at=at)
        make_slate([item], served_at=at, excluded="staff")
    removed = apply_retention(now=NOW, retention=KEPT, counted_until=counted_until)
    assert removed.slates == 3
    assert [slate.served_at for slate in Slate.objects.all()] == [counted_until + hour]


def test_counting_that_is_done_with_today_keeps_nothing_longer() -> None:
    for days in (6, 8):
        make_slate([make_item()], served_at=NOW - timedelta(days=days))
    assert apply_retention(now=NOW, retention=KEPT, counted_until=NOW).slates == 1


def test_a_site_that_never_counts_fills_no_disk_and_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    for days in (29, 31):
        make_slate([make_item()], served_at=NOW - timedelta(days=days))
    assert apply_retention(now=NOW, retention=KEPT, counted_until=None).slates == 1
    (told,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert told.getMessage() == "slates go that were never counted"
    caplog.clear()
    assert apply_retention(now=NOW, retention=KEPT, counted_until=None).slates == 0
    assert caplog.records == []


def test_interactions_are_kept_from_import_on_and_what_stands_for_as_long_as_it_stands() -> None:
    reader, old = make_reader(), NOW - timedelta(days=101)
    make_interaction(reader, "click", make_item(), happened_at=old)
    make_interaction(reader, "click", make_item(), happened_at=old, imported_at=NOW)
    make_interaction(reader, "save", make_item(), happened_at=old)
    make_interaction(reader, "save", make_item(), happened_at=old, undone_at=old, undo_received_at=old)
    assert apply_retention(now=NOW, retention=KEPT, counted_until=NOW).interactions == 2
    assert set(Interaction.objects.values_list("kind", "imported_at")) == {("click", NOW), ("save", None)}


def test_old_snapshots_go_with_the_details() -> None:
    for days in (39, 41):
        CountSnapshot.objects.create(
            as_of=NOW - timedelta(days=days), window="day", item_ids=[], views=[], clicks=[], likes=[], dismissals=[]
        )
    assert apply_retention(now=NOW, retention=KEPT, counted_until=NOW).snapshots == 1
