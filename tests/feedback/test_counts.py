from __future__ import annotations

from datetime import timedelta

import pytest

from feedback.count_tables import COUNTS, read_snapshot
from feedback.counts import drop_old_snapshots, latest_snapshot, take_snapshot
from feedback.models import CountSnapshot, Slate
from feedback.surfaces import Excluded
from tests.factories import NOW, make_interaction, make_item, make_reader, make_slate, make_view


def counted(window: str) -> dict[int, tuple[int, int, int, int]]:
    """Views, clicks, likes, dismissals by item, of the snapshot at NOW."""
    row = CountSnapshot.objects.get(as_of=NOW, window=window)
    return dict(zip(row.item_ids, zip(row.views, row.clicks, row.likes, row.dismissals, strict=True), strict=True))


@pytest.mark.django_db
class TestTakeSnapshot:
    def test_each_window_counts_what_happened_in_it(self) -> None:
        item = make_item()
        for minutes in (0, 59, 60, 23 * 60, 24 * 60, 6 * 24 * 60, 7 * 24 * 60):
            make_interaction(make_reader(), "click", item, happened_at=NOW - timedelta(minutes=minutes))
        take_snapshot(now=NOW)
        assert [counted(window)[item.pk][1] for window in ("hour", "day", "week")] == [2, 4, 6]

    def test_kinds_are_counted_apart_and_others_not_at_all(self) -> None:
        reader, items = make_reader(), [make_item() for _ in range(3)]
        slate = make_slate(items, reader=reader, served_at=NOW - timedelta(minutes=10))
        make_view(slate, 0)
        make_view(slate, 1)
        for kind in ("click", "like", "save", "outbound"):
            make_interaction(reader, kind, items[0])
        make_interaction(reader, "dismiss", items[1])
        make_interaction(reader, "dwell", items[2], dwell_ms=1)
        take_snapshot(now=NOW)
        assert counted("hour") == {items[0].pk: (1, 1, 1, 0), items[1].pk: (1, 0, 0, 1)}

    def test_a_card_may_be_viewed_long_after_it_was_served(self) -> None:
        make_view(make_slate([5], served_at=NOW - timedelta(days=8)), 0, after_s=47 * 3600)
        take_snapshot(now=NOW)
        assert counted("week") == {5: (1, 0, 0, 0)}
        assert counted("day") == {}

    def test_only_what_the_site_knows_is_counted(self) -> None:
        reader, items = make_reader(), [make_item() for _ in range(3)]
        later, before = NOW + timedelta(seconds=1), NOW - timedelta(minutes=5)
        make_interaction(reader, "like", items[0], happened_at=before, received_at=later)
        make_interaction(reader, "like", items[1], happened_at=before, undone_at=before)
        make_interaction(reader, "like", items[2], happened_at=before, undone_at=later)
        make_view(make_slate(items, served_at=before), 0, received_at=later)
        take_snapshot(now=NOW)
        assert counted("hour") == {items[2].pk: (0, 0, 1, 0)}

    def test_staff_bots_and_previews_move_no_counts(self) -> None:
        reader, item = make_reader(), make_item()
        slate = make_slate([item], served_at=NOW - timedelta(minutes=1), excluded=Excluded.BOT)
        make_view(slate, 0)
        make_interaction(reader, "click", item, slate=slate)
        take_snapshot(now=NOW)
        assert counted("week") == {}

    def test_a_view_counts_even_where_its_slate_was_lost(self) -> None:
        make_view(make_slate([5], served_at=NOW - timedelta(minutes=1)), 0)
        Slate.objects.all().delete()
        take_snapshot(now=NOW)
        assert counted("hour") == {5: (1, 0, 0, 0)}

    def test_taking_it_again_changes_nothing(self) -> None:
        take_snapshot(now=NOW)
        make_interaction(make_reader(), "click", make_item())
        assert take_snapshot(now=NOW) == NOW
        assert counted("hour") == {}
        assert CountSnapshot.objects.count() == 3


@pytest.mark.django_db
class TestSnapshots:
    def test_the_latest_is_one_that_there_was(self) -> None:
        assert latest_snapshot(now=NOW) is None
        for hours in (3, 2, 1):
            take_snapshot(now=NOW - timedelta(hours=hours))
        assert latest_snapshot(now=NOW) == NOW - timedelta(hours=1)
        assert latest_snapshot(now=NOW - timedelta(minutes=90)) == NOW - timedelta(hours=2)

    def test_old_ones_go_and_the_newest_stays_however_old(self) -> None:
        for hours in (3, 2, 1):
            take_snapshot(now=NOW - timedelta(hours=hours))
        assert drop_old_snapshots(now=NOW, keep=timedelta(hours=2)) == 1
        assert drop_old_snapshots(now=NOW, keep=timedelta(minutes=1)) == 1
        assert latest_snapshot(now=NOW) == NOW - timedelta(hours=1)


@pytest.mark.django_db(transaction=True)
class TestReadSnapshot:
    def test_every_window_comes_as_a_table_by_item(self) -> None:
        items = [make_item() for _ in range(2)]
        for item in items:
            make_interaction(make_reader(), "click", item, happened_at=NOW - timedelta(hours=2))
        tables = read_snapshot(take_snapshot(now=NOW))
        assert set(tables) == {"hour", "day", "week"}
        assert all(table.schema == COUNTS for table in tables.values())
        assert len(tables["hour"]) == 0
        assert tables["day"].to_pylist() == [
            {"item_id": item.pk, "views": 0, "clicks": 1, "likes": 0, "dismissals": 0} for item in items
        ]

    def test_one_that_is_gone_is_refused_by_name(self) -> None:
        with pytest.raises(ValueError, match="no count snapshot as of 2026-03-01"):
            read_snapshot(NOW)
