"""Dates and durations in words, and the other small parts of pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django_htmx.middleware import HtmxDetails

from recsite.html_parts import when_in_words
from recsite.templatetags.page_parts import duration_in_words, in_batches

NOW = datetime(2026, 3, 14, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=1), "1 hour ago"),
        (timedelta(hours=14), "14 hours ago"),
        (timedelta(hours=16), "yesterday"),
        (timedelta(hours=40), "2 days ago"),
        (timedelta(days=6), "6 days ago"),
        (timedelta(days=7), "7 March"),
        (timedelta(days=73), "31 December 2025"),
        (timedelta(seconds=-20), "just now"),
        (timedelta(days=-1), "15 March"),
    ],
)
def test_dates_are_relative_up_to_a_week(age: timedelta, words: str) -> None:
    assert when_in_words(NOW - age, NOW) == words


def test_just_before_midnight_counts_minutes_not_days() -> None:
    after_midnight = datetime(2026, 3, 14, 0, 10, tzinfo=UTC)
    assert when_in_words(after_midnight - timedelta(minutes=20), after_midnight) == "20 minutes ago"


def test_full_time_is_on_hover_and_for_machines() -> None:
    template = Template("{% load page_parts %}{% relative_date moment %}")
    html = template.render(Context({"moment": NOW - timedelta(days=3), "now": NOW}))
    assert html == '<time datetime="2026-03-11T15:00:00+00:00" title="11 March 2026, 15:00 UTC">3 days ago</time>'


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (45, "45 seconds"), (60, "1 minute"), (61, "2 minutes"), (900, "15 minutes"), (3600, "1 hour")],
)
def test_waiting_times_are_rounded_up(seconds: int, words: str) -> None:
    assert duration_in_words(seconds) == words


def test_last_batch_may_be_shorter() -> None:
    assert in_batches([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert in_batches([], 2) == []


def test_here_is_the_page_and_not_the_part_that_htmx_asks_for() -> None:
    template = Template("{% load page_parts %}{% here %}")
    plain = RequestFactory().get("/topics/jazz/?page=2")
    assert template.render(Context({"request": plain})) == "/topics/jazz/?page=2"

    part = RequestFactory().post(
        "/items/a/save/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/topics/jazz/?page=2"}
    )
    part.htmx = HtmxDetails(part)
    assert template.render(Context({"request": part})) == "/topics/jazz/?page=2"
