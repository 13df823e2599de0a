"""Rates of the feed out of counts by hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from recsite.models import FeedHour
from recsite.staff.feed_counts import fallbacks_by_hour, hours_of, sums, sums_by_day
from recsite.staff.intervals import jackknife_rate

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def make_hour(hour: datetime, part: int = 0, **fields: Any) -> None:
    counts = dict.fromkeys(("slots", "explored", "likes", "saves", "dismissals", "unwanted"), 0)
    values = {"surface": "home", "release": 1, "fallback": "", "slates": 1, "viewed": 10, "clicks": 1}
    FeedHour.objects.create(hour=hour, part=part, **counts | values | fields)


def test_releases_and_fallbacks_of_an_hour_are_added_up_and_groups_of_readers_stay_apart() -> None:
    make_hour(MIDNIGHT, 0)
    make_hour(MIDNIGHT, 0, release=2, viewed=20, clicks=5)
    make_hour(MIDNIGHT + HOUR, 3, fallback="no release", release=0, viewed=7, clicks=0)
    found = sums(since=MIDNIGHT, until=MIDNIGHT + 2 * HOUR)
    assert found.total("viewed") == 37
    assert {part: count for part, count in enumerate(found.by_part["viewed"].tolist()) if count} == {0: 30, 3: 7}
    parts = np.arange(16)
    wanted = jackknife_rate(np.where(parts == 0, 6, 0), np.where(parts == 0, 30, np.where(parts == 3, 7, 0)))
    assert found.rate("clicks") == wanted


def test_other_surfaces_and_hours_outside_are_left_out() -> None:
    make_hour(MIDNIGHT - HOUR)
    make_hour(MIDNIGHT, surface="topic")
    make_hour(MIDNIGHT + HOUR)
    assert sums(since=MIDNIGHT, until=MIDNIGHT + HOUR).total("slates") == 0
    assert sums(since=MIDNIGHT, until=MIDNIGHT + HOUR).rate("clicks").value is None


def test_clicks_whose_views_were_lost_do_not_make_more_than_all() -> None:
    make_hour(MIDNIGHT, 0, viewed=2, clicks=9)
    make_hour(MIDNIGHT, 1, viewed=2, clicks=0)
    assert sums(since=MIDNIGHT, until=MIDNIGHT + HOUR).rate("clicks").value == 0.5


def test_days_begin_at_midnight_of_utc() -> None:
    for hour in (MIDNIGHT - HOUR, MIDNIGHT, MIDNIGHT + 23 * HOUR):
        make_hour(hour)
    found = sums_by_day(since=MIDNIGHT - DAY, until=MIDNIGHT + DAY)
    assert {day: of.total("slates") for day, of in found.items()} == {MIDNIGHT - DAY: 1, MIDNIGHT: 2}


def test_fallbacks_are_told_by_hour_and_reason() -> None:
    make_hour(MIDNIGHT, 0, slates=5)
    make_hour(MIDNIGHT, 1, slates=6)
    make_hour(MIDNIGHT, 1, release=0, fallback="no release", slates=2)
    assert fallbacks_by_hour(since=MIDNIGHT, until=MIDNIGHT + HOUR) == {MIDNIGHT: {"": 11, "no release": 2}}


def test_every_hour_between_is_named_once() -> None:
    assert hours_of(MIDNIGHT, MIDNIGHT + 3 * HOUR) == [MIDNIGHT, MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR]
