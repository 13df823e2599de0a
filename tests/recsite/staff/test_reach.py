"""How much of the catalogue is shown, and how alike feeds are."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations

import pytest
from django.core.cache import cache
from redis.exceptions import ConnectionError

from recsite.counting.schedule import TODAY, mark
from recsite.models import ItemDay
from recsite.staff.reach import MOST_READERS, coverage, mean_jaccard, overlap
from tests.factories import NOW, make_item, make_reader, make_slate

pytestmark = pytest.mark.django_db


def shown(item_id: int, *, days_ago: int = 0, place: int = 0) -> None:
    day = (NOW - timedelta(days=days_ago)).date()
    counts = dict.fromkeys(("served", "viewed", "clicks", "likes", "dismissals"), 1)
    ItemDay.objects.create(day=day, item_id=item_id, place=place, **counts)


def test_coverage_is_of_items_that_may_be_shown_and_were_shown_yesterday_or_today() -> None:
    often, yesterday, long_ago, _never = (make_item() for _ in range(4))
    hidden, future = make_item(hidden=True), make_item(age_days=-1)
    for item in (often, hidden, future):
        shown(item.pk)
    shown(often.pk, place=4)
    shown(yesterday.pk, days_ago=1)
    shown(long_ago.pk, days_ago=2)
    shown(999_999)
    found = coverage(now=NOW)
    assert (found.shown, found.visible, found.share) == (2, 4, 0.5)


def test_coverage_is_worked_out_once_a_count() -> None:
    first, second = make_item(), make_item()
    shown(first.pk)
    mark(TODAY, NOW)
    assert coverage(now=NOW).shown == 1
    shown(second.pk)
    assert coverage(now=NOW).shown == 1
    mark(TODAY, NOW + timedelta(minutes=10))
    assert coverage(now=NOW).shown == 2


def test_without_redis_coverage_is_worked_out_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_answer(*_args: object, **_options: object) -> None:
        raise ConnectionError

    shown(make_item().pk)
    for call in ("get", "set"):
        monkeypatch.setattr(cache, call, no_answer)
    assert coverage(now=NOW).shown == 1


def test_an_empty_catalogue_has_no_coverage() -> None:
    assert coverage(now=NOW).share is None


def test_the_same_feed_for_all_overlaps_wholly_and_different_ones_not_at_all() -> None:
    one, other = frozenset(range(10)), frozenset(range(10, 20))
    assert mean_jaccard([one, one, one]) == 1
    assert mean_jaccard([one, other]) == 0
    assert mean_jaccard([one, one, other]) == pytest.approx(1 / 3)
    assert mean_jaccard([frozenset({1, 2}), frozenset({2, 3})]) == pytest.approx(1 / 3)
    assert mean_jaccard([one]) is None


def test_the_last_feed_of_each_reader_counts_by_its_first_ten_items() -> None:
    readers = [make_reader() for _ in range(3)]
    feeds = [range(100, 124), [*range(100, 105), *range(300, 319)], range(200, 224)]
    for reader, items in zip(readers, feeds, strict=True):
        make_slate(range(500, 510), reader=reader, served_at=NOW - timedelta(hours=2))
        make_slate(items, reader=reader, served_at=NOW - timedelta(hours=1))
        make_slate(range(500, 510), reader=reader, served_at=NOW, first_position=24)
        make_slate(range(500, 510), reader=reader, served_at=NOW, surface="topic")
        make_slate(range(500, 510), reader=reader, served_at=NOW, excluded="staff")
    tops = [set(list(items)[:10]) for items in feeds]
    wanted = sum(len(a & b) / len(a | b) for a, b in combinations(tops, 2)) / 3
    found = overlap(now=NOW)
    assert (found.mean, found.readers) == (pytest.approx(wanted), 3)


def test_a_hundred_readers_are_enough() -> None:
    for number in range(MOST_READERS + 5):
        make_slate([number], served_at=NOW - timedelta(seconds=number))
    assert overlap(now=NOW).readers == MOST_READERS
