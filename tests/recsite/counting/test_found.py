"""What readers opened, and what their last feed of the visit knew of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from feedback.models import SlateDetail
from recsite.counting.found import count_found_days
from recsite.counting.ranges import Span
from recsite.models import FoundDay
from tests.factories import make_interaction, make_item, make_reader, make_topic
from tests.recsite.counting.feeds import make_feed, opens
from tests.recsite.releases.rows import make_live

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
NINE = MIDNIGHT + timedelta(hours=9)
TODAY = Span(MIDNIGHT, MIDNIGHT + timedelta(days=1))
MINUTE = timedelta(minutes=1)


feed = partial(make_feed, served_at=NINE)


def outcomes() -> dict[str, int]:
    count_found_days(TODAY)
    found: dict[str, int] = {}
    for row in FoundDay.objects.all():
        found[row.outcome] = found.get(row.outcome, 0) + row.clicks
    return found


def test_each_outcome_by_what_the_last_feed_knew() -> None:
    reader, items = make_reader(), [make_item() for _ in range(5)]
    shown, low, removed, strange, _ = items
    slate = feed(reader, [shown], union=[shown, low], removed_items=[removed])
    for item in (shown, low, removed, strange):
        opens(reader, item, slate)
    assert outcomes() == {"shown": 1, "ranked low": 1, "removed": 1, "not retrieved": 1}


def test_where_no_candidates_were_kept_it_is_not_known_unless_it_was_shown() -> None:
    reader, shown, other = make_reader(), make_item(), make_item()
    slate = feed(reader, [shown])
    opens(reader, shown, slate)
    opens(reader, other, slate)
    assert outcomes() == {"shown": 1, "unknown": 1}
    SlateDetail.objects.create(slate_id=slate.id, features=b"")
    assert outcomes() == {"shown": 1, "unknown": 1}


def test_the_last_feed_before_the_click_is_asked_and_any_before_it_may_have_shown_the_item() -> None:
    reader, early, wanted, late = make_reader(), make_item(), make_item(), make_item()
    first = feed(reader, [early], union=[early, wanted])
    feed(reader, [], union=[], served_at=NINE + MINUTE, visit_id=first.visit_id, release=9)
    feed(reader, [late], union=[late, wanted], served_at=NINE + 9 * MINUTE, visit_id=first.visit_id)
    for item in (early, wanted, late):
        opens(reader, item, first)
    assert outcomes() == {"shown": 1, "not retrieved": 2}
    assert set(FoundDay.objects.values_list("release", flat=True)) == {9}


def test_a_click_on_a_card_of_the_feed_was_shown() -> None:
    reader, item = make_reader(), make_item()
    slate = feed(reader, [item], served_at=NINE + timedelta(microseconds=900), union=[item])
    make_interaction(reader, "click", item, slate=slate, happened_at=NINE)
    assert outcomes() == {"shown": 1}
    assert FoundDay.objects.get().way == "home"


def test_visits_without_a_feed_and_other_peoples_feeds_say_nothing() -> None:
    reader, item = make_reader(), make_item()
    slate = feed(reader, [item], union=[item], surface="topic")
    excluded = feed(reader, [item], union=[item], excluded="staff")
    another = feed(make_reader(), [item], union=[item])
    assert another.visit_id != slate.visit_id
    opens(reader, item, slate)
    opens(make_reader(), item, excluded)
    opens(make_reader(), item, slate, visit_id=None)
    assert outcomes() == {}


def test_clicks_taken_back_excluded_or_repeated_are_left_out() -> None:
    reader, items = make_reader(), [make_item() for _ in range(3)]
    slate = feed(reader, items, union=items)
    opens(reader, items[0], slate, undone_at=NINE + 4 * MINUTE)
    opens(reader, items[1], slate, excluded="bot")
    opens(reader, items[2], slate)
    opens(reader, items[2], slate, happened_at=NINE + 5 * MINUTE)
    assert outcomes() == {"shown": 1}


def test_a_click_after_one_that_was_taken_back_is_the_first() -> None:
    reader, item = make_reader(), make_item()
    slate = feed(reader, [item], union=[item])
    opens(reader, item, slate, undone_at=NINE + 4 * MINUTE)
    opens(reader, item, slate, happened_at=NINE + 5 * MINUTE)
    assert outcomes() == {"shown": 1}


def test_it_is_told_by_topic_by_way_and_by_whether_anybody_had_chosen_it_before() -> None:
    release = make_live(now=NINE, retriever_until=NINE - timedelta(hours=1))
    reader, warm, cold = make_reader(), make_item(topics=["Seas", "Ships"]), make_item()
    make_interaction(make_reader(), "like", warm, happened_at=NINE - timedelta(hours=2))
    make_interaction(make_reader(), "like", cold, happened_at=NINE - timedelta(minutes=5))
    slate = feed(reader, [], union=[], release=release.pk)
    opens(reader, warm, slate, way="topic")
    opens(reader, cold, slate, way="direct")
    count_found_days(TODAY)
    found = {(row.way, row.topic_id, row.is_cold) for row in FoundDay.objects.all()}
    assert found == {("topic", make_topic("Seas").pk, False), ("direct", 0, True)}


def test_without_a_release_an_item_is_cold_for_a_week() -> None:
    reader, new, old = make_reader(), make_item(published_at=NINE - timedelta(days=6)), make_item(age_days=8)
    slate = feed(reader, [], union=[], release=None, fallback="no release")
    opens(reader, new, slate, way="direct")
    opens(reader, old, slate, way="search")
    count_found_days(TODAY)
    assert set(FoundDay.objects.values_list("way", "release", "is_cold")) == {("direct", 0, True), ("search", 0, False)}


def test_days_are_those_of_the_clicks_and_are_counted_anew() -> None:
    reader, item, other = make_reader(), make_item(), make_item()
    slate = feed(reader, [item, other], union=[], served_at=MIDNIGHT - 5 * MINUTE)
    opens(reader, item, slate, happened_at=MIDNIGHT + MINUTE)
    opens(reader, other, slate, happened_at=MIDNIGHT - MINUTE)
    assert outcomes() == {"shown": 1}
    assert outcomes() == {"shown": 1}
    count_found_days(Span(MIDNIGHT - timedelta(days=1), TODAY.end))
    assert FoundDay.objects.filter(clicks=1).count() == 2
