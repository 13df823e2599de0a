"""Hours of the feed and days of items, from slates written by hand."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db.models import Sum

from feedback.buckets import reader_bucket
from feedback.models import Slate
from recsite.counting.ranges import Span
from recsite.counting.shown import count_feed_hours, count_item_days
from recsite.models import FeedHour, ItemDay
from recsite.models.log_counts import PARTS
from tests.factories import make_interaction, make_item, make_reader, make_slate, make_view

pytestmark = pytest.mark.django_db

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = Span(NINE - timedelta(hours=9), NINE + timedelta(hours=15))


def hours(**where: Any) -> dict[str, int]:
    names = [
        "slates",
        "slots",
        "explored",
        "viewed",
        "clicks",
        "likes",
        "saves",
        "dismissals",
        "unwanted",
    ]
    found = FeedHour.objects.filter(**where).aggregate(**{f"sum_{name}": Sum(name) for name in names})
    return {name: found[f"sum_{name}"] for name in names if found[f"sum_{name}"]}


def test_slots_are_counted_once_whatever_was_done_to_them_and_how_often() -> None:
    reader, items = make_reader(), [make_item() for _ in range(5)]
    slate = make_slate(items, reader=reader, served_at=NINE + timedelta(minutes=3))
    for slot in range(4):
        make_view(slate, slot)
    at = NINE + timedelta(minutes=5)
    for kind in ("click", "click", "like", "save"):
        make_interaction(reader, kind, items[0], slate=slate, happened_at=at)
    make_interaction(reader, "dismiss", items[1], slate=slate, happened_at=at)
    make_interaction(reader, "outbound", items[2], slate=slate, happened_at=at)
    count_feed_hours(Span(NINE, NINE + HOUR))
    (row,) = FeedHour.objects.all()
    assert (row.hour, row.surface, row.release, row.fallback) == (NINE, "home", 1, "")
    assert row.part == reader_bucket(reader.public_id) % PARTS
    wanted = {"slates": 1, "slots": 5, "viewed": 4, "clicks": 1, "likes": 1, "saves": 1, "dismissals": 1, "unwanted": 1}
    assert hours() == wanted


def test_what_was_taken_back_or_excluded_was_not_done_and_the_slot_is_unwanted() -> None:
    reader, items = make_reader(), [make_item() for _ in range(2)]
    slate = make_slate(items, reader=reader, served_at=NINE)
    make_view(slate, 0)
    make_view(slate, 1)
    make_interaction(reader, "like", items[0], slate=slate, happened_at=NINE + HOUR, undone_at=NINE + 2 * HOUR)
    make_interaction(reader, "click", items[1], slate=slate, happened_at=NINE + HOUR, excluded="bot")
    count_feed_hours(Span(NINE, NINE + HOUR))
    assert hours() == {"slates": 1, "slots": 2, "viewed": 2, "unwanted": 2}


def test_excluded_slates_are_left_out_and_so_is_what_became_of_them() -> None:
    reader, item = make_reader(), make_item()
    slate = make_slate([item], reader=reader, served_at=NINE, excluded="staff")
    make_view(slate, 0)
    make_interaction(reader, "click", item, slate=slate, happened_at=NINE, excluded=None)
    count_feed_hours(TODAY)
    count_item_days(TODAY)
    assert not FeedHour.objects.exists()
    assert not ItemDay.objects.exists()


def test_what_became_of_a_slot_counts_in_the_hour_in_which_it_was_served() -> None:
    reader, item = make_reader(), make_item()
    slate = make_slate([item], reader=reader, served_at=NINE + timedelta(minutes=59))
    make_view(slate, 0, after_s=120)
    make_interaction(reader, "click", item, slate=slate, happened_at=NINE + 30 * HOUR)
    count_feed_hours(Span(NINE, NINE + 3 * HOUR))
    assert hours(hour=NINE) == {"slates": 1, "slots": 1, "viewed": 1, "clicks": 1}
    assert not hours(hour__gt=NINE)


def test_a_page_of_a_visit_that_began_the_day_before_finds_its_clicks() -> None:
    reader, item = make_reader(), make_item()
    begun = TODAY.start - timedelta(hours=3)
    slate = make_slate(
        [item], reader=reader, served_at=TODAY.start + HOUR, visit_id=make_slate([item], served_at=begun).id
    )
    make_interaction(reader, "click", item, slate=slate, happened_at=TODAY.start + HOUR)
    count_feed_hours(TODAY)
    assert hours()["clicks"] == 1


def test_surfaces_releases_fallbacks_and_parts_of_readers_stand_apart() -> None:
    make_slate([1], served_at=NINE, reader_public_id=uuid.UUID(int=1))
    make_slate([1], served_at=NINE, reader_public_id=uuid.UUID(int=1), surface="similar")
    make_slate([1], served_at=NINE, reader_public_id=uuid.UUID(int=1), release=None, fallback="no release")
    make_slate([1], served_at=NINE, reader_public_id=uuid.UUID(int=2), release=2)
    count_feed_hours(TODAY)
    found = set(FeedHour.objects.values_list("surface", "release", "fallback", "part"))
    one, two = (reader_bucket(uuid.UUID(int=number)) % PARTS for number in (1, 2))
    assert found == {
        ("home", 1, "", one),
        ("similar", 1, "", one),
        ("home", 0, "no release", one),
        ("home", 2, "", two),
    }


def test_what_was_drawn_from_the_pool_or_from_outside_was_explored() -> None:
    branches = [Slate.Branch.GREEDY, Slate.Branch.POOL, Slate.Branch.OUTSIDE, Slate.Branch.PINNED]
    make_slate([1, 2, 3, 4], served_at=NINE, branches=branches)
    count_feed_hours(TODAY)
    assert hours()["explored"] == 2


def test_counting_again_replaces_the_hours_that_are_counted_and_no_others() -> None:
    make_slate([1], served_at=NINE)
    make_slate([1], served_at=NINE + HOUR)
    count_feed_hours(TODAY)
    late = make_slate([1, 2], served_at=NINE)
    make_view(late, 0)
    FeedHour.objects.filter(hour=NINE + HOUR).update(clicks=99)
    count_feed_hours(Span(NINE, NINE + HOUR))
    assert hours(hour=NINE) == {"slates": 2, "slots": 3, "viewed": 1, "unwanted": 1}
    assert hours(hour=NINE + HOUR)["clicks"] == 99


def test_an_item_is_counted_by_the_day_and_by_where_on_the_page_it_stood() -> None:
    reader, items = make_reader(), [make_item() for _ in range(26)]
    first = make_slate(items, reader=reader, served_at=NINE)
    second = make_slate(items[:3], reader=reader, served_at=NINE, first_position=24)
    make_slate(items[:1], reader=reader, served_at=NINE + DAY)
    make_view(first, 4)
    make_view(second, 0)
    make_interaction(reader, "click", items[0], slate=second, happened_at=NINE + HOUR)
    make_interaction(reader, "like", items[4], slate=first, happened_at=NINE + HOUR)
    make_interaction(reader, "dismiss", items[4], slate=first, happened_at=NINE + HOUR)
    count_item_days(Span(TODAY.start, TODAY.end + DAY))
    of = {
        (row.day, row.place): (row.served, row.viewed, row.clicks, row.likes, row.dismissals)
        for row in ItemDay.objects.filter(item_id=items[0].pk)
    }
    assert of == {
        (date(2026, 3, 1), 0): (1, 0, 0, 0, 0),
        (date(2026, 3, 1), 24): (1, 1, 1, 0, 0),
        (date(2026, 3, 2), 0): (1, 0, 0, 0, 0),
    }
    (row,) = ItemDay.objects.filter(item_id=items[4].pk)
    assert (row.place, row.served, row.viewed, row.clicks, row.likes, row.dismissals) == (4, 1, 1, 0, 1, 1)
    places = dict.fromkeys((items[number].pk for number in (3, 4, 11, 12, 23, 24)), None)
    assert [ItemDay.objects.get(item_id=item_id).place for item_id in places] == [0, 4, 4, 12, 12, 24]
