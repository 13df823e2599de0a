"""What is wrong with the feed, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recsite.staff.feed_health import Facts, Fallback, LiveRelease, alarms, verdict

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
HEALTHY = Facts(
    now=NOW,
    live=LiveRelease(41, made_at=NOW - 6.5 * HOUR, learned_until=NOW - 7 * HOUR),
    pages=1_000,
    pages_in_fallback=3,
    views=9_000,
    counted_at=NOW - MINUTE,
)


def texts(**changed: object) -> list[str]:
    return [alarm.text for alarm in alarms(replace(HEALTHY, **changed))]  # type: ignore[arg-type]


def test_a_healthy_feed_alarms_nobody() -> None:
    assert texts() == []
    assert verdict(HEALTHY) == "The feed is healthy. Release 41 is 6 hours old."


def test_a_feed_that_nobody_opens_is_not_called_healthy() -> None:
    quiet = replace(HEALTHY, pages=0, pages_in_fallback=0, views=0)
    assert alarms(quiet) == []
    assert verdict(quiet) == "Release 41 is 6 hours old. Nobody opened the feed in the last 24 hours."


def test_a_fallback_is_told_with_how_long_and_why() -> None:
    since = Fallback("no release", NOW - 12.5 * MINUTE)
    wanted = "The feed has been in fallback for 12 minutes: no live release."
    assert texts(live=None, fallback=since) == [wanted]
    assert verdict(replace(HEALTHY, live=None, fallback=since)) == wanted
    assert texts(fallback=Fallback("release failed", NOW - HOUR)) == [
        "The feed has been in fallback for 60 minutes: release failed."
    ]


def test_a_fallback_older_than_anybody_looked_is_told_as_that() -> None:
    assert texts(fallback=Fallback("release failed", None)) == [
        "The feed has been in fallback for more than 24 hours: release failed."
    ]


def test_without_a_release_and_without_readers_it_is_said_too() -> None:
    assert texts(live=None, pages=0, pages_in_fallback=0, views=0) == [
        "No release is live: everybody gets what is popular and fresh."
    ]


def test_one_page_in_twenty_may_fall_back_and_no_more() -> None:
    assert texts(pages_in_fallback=50) == []
    assert texts(pages_in_fallback=120) == ["12% of the pages of the last 24 hours were in fallback."]


def test_many_pages_without_a_view_mean_that_reports_are_lost() -> None:
    assert texts(pages=49, pages_in_fallback=0, views=0) == []
    assert texts(pages=50, pages_in_fallback=0, views=0) == [
        "50 pages were served in the last 24 hours and no view was reported."
    ]


def test_a_release_that_learned_long_ago_and_trainings_that_failed_are_told() -> None:
    old = LiveRelease(41, made_at=NOW - 90 * HOUR, learned_until=NOW - 80 * HOUR)
    assert texts(live=old, failed_trainings=["retriever"]) == [
        "The retriever of release 41 knows nothing of the last 3 days.",
        "The last training of the retriever failed.",
    ]


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"late": ["count-log"]}, "A job is late: count-log."),
        ({"failed": ["keep-log"]}, "A job failed: keep-log."),
        ({"late": ["a", "b"]}, "2 jobs are late: a, b."),
        ({"failed": ["a", "b", "c", "d", "e"]}, "5 jobs failed: a, b, c and 2 more."),
        (
            {"counted_at": None, "has_slates": True},
            "The log was never counted, so the numbers below are not there yet.",
        ),
        (
            {"is_scheduled": False},
            "No periodic job is switched on: nothing is counted or trained. Start the scheduler, or resume the jobs.",
        ),
        ({"counted_at": NOW - 3 * HOUR}, "The log was last counted 3 hours ago, so the numbers below are as old."),
    ],
)
def test_jobs_that_are_late_or_failed_are_named(changed: dict[str, object], wanted: str) -> None:
    assert texts(**changed) == [wanted]


def test_the_verdict_tells_one_trouble_whole_and_counts_several() -> None:
    assert verdict(replace(HEALTHY, late=["count-log"])) == "Release 41 is 6 hours old. A job is late: count-log."
    two = replace(HEALTHY, late=["count-log"], failed=["keep-log"])
    assert verdict(two) == "Release 41 is 6 hours old. 2 things need a look."


def test_the_worst_comes_first() -> None:
    wrong = texts(fallback=Fallback("release failed", NOW), late=["a"], failed_trainings=["reranker"])
    assert [text.split()[1] for text in wrong] == ["feed", "last", "job"]
