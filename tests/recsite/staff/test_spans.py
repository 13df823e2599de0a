from __future__ import annotations

from datetime import timedelta

import pytest

from recsite.staff import spans


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (timedelta(seconds=-5), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=119), "119 seconds"),
        (timedelta(minutes=2), "2 minutes"),
        (timedelta(minutes=119, seconds=59), "119 minutes"),
        (timedelta(hours=6, minutes=59), "6 hours"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(days=1_200), "1,200 days"),
    ],
)
def test_an_age_is_said_in_one_unit(time: timedelta, text: str) -> None:
    assert spans.roughly(time) == text


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (timedelta(seconds=90), "90 seconds"),
        (timedelta(seconds=120), "2 minutes"),
        (timedelta(hours=1), "hour"),
        (timedelta(days=1), "day"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(milliseconds=500), "0.5 seconds"),
    ],
)
def test_an_interval_is_said_in_the_largest_unit_that_fits(time: timedelta, text: str) -> None:
    assert spans.exactly(time) == text


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (timedelta(seconds=-1), "0.0 s"),
        (timedelta(milliseconds=420), "0.4 s"),
        (timedelta(seconds=12.4), "12 s"),
        (timedelta(seconds=59.9), "1 min 0 s"),
        (timedelta(minutes=3, seconds=5), "3 min 5 s"),
        (timedelta(hours=2, minutes=10), "2 h 10 min"),
    ],
)
def test_a_duration_is_said_as_on_a_stopwatch(time: timedelta, text: str) -> None:
    assert spans.took(time) == text
