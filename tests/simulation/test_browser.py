"""The browser's reports: what is sent, and when, as static/js/{delivery,reading}.js do it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar

import httpx
import pytest

from simulation.browser import SOON, Browser, SiteRefused, Steps
from simulation.clocks import NoClock
from simulation.event_queue import EventQueue
from simulation.pages import Page

T = TypeVar("T")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEED = Page("/", '<ol class="feed" id="feed"></ol>')
STORY = '<article class="story" data-reading data-item="7" data-token="t7"></article>'


@dataclass
class Site:
    """Answers pages, and takes or loses reports.  reports: when (seconds after noon) and what."""

    status: int = 200
    page_status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    reports: list[tuple[float, list[dict[str, Any]]]] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)
    now: Callable[[], datetime] = lambda: NOON

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.cookies.append(request.headers.get("Cookie", ""))
        if request.url.path != "/api/v1/events":
            return httpx.Response(self.page_status, text=STORY if "items" in request.url.path else FEED.source)
        events = json.loads(request.content)["events"]
        self.reports.append(((self.now() - NOON).total_seconds(), events))
        results = [{"id": event["id"], "status": "accepted"} for event in events]
        return httpx.Response(self.status, json={"results": results}, headers=self.headers)


def browsing(
    site: Site, queue: EventQueue | None = None, *, columns: int = 4, report_after: timedelta = SOON
) -> Browser:
    numbers = iter(range(10_000))
    client = httpx.Client(transport=httpx.MockTransport(site), base_url="http://site")
    browser = Browser(
        client,
        NoClock(),
        now=NOON,
        new_id=lambda: f"id {next(numbers)}",
        luck=random.Random(1),
        languages=("de", "en"),
        columns=columns,
        queue=queue if queue is not None else EventQueue(),
        report_after=report_after,
    )
    site.now = lambda: browser.now
    return browser


def done(steps: Steps[T]) -> T:
    """Play it to its end; every request is made when it is due."""
    try:
        moment = next(steps)
        while True:
            moment = steps.send(moment)
    except StopIteration as end:
        found: T = end.value
        return found


def kinds(report: tuple[float, list[dict[str, Any]]]) -> list[str]:
    return [event["kind"] for event in report[1]]


def test_what_was_seen_goes_out_a_second_later_together() -> None:
    site = Site()
    browser = browsing(site)
    done(browser.go("/"))
    done(browser.wait(1))
    browser.see(["a", "b"])
    done(browser.wait(0.4))
    browser.see(["c"])
    done(browser.wait(5))
    ((at, events),) = site.reports
    assert at == 2.0
    assert events == [
        {"kind": "view", "token": "a", "id": "id 0", "age_ms": 1000},
        {"kind": "view", "token": "b", "id": "id 1", "age_ms": 1000},
        {"kind": "view", "token": "c", "id": "id 2", "age_ms": 600},
    ]
    assert [list(event) for event in events] == [["kind", "token", "id", "age_ms"]] * 3


def test_reading_is_told_every_fifteen_seconds_and_the_rest_on_leaving_twice() -> None:
    site = Site()
    browser = browsing(site)
    done(browser.go("/items/seven/"))
    done(browser.wait(0.5))
    browser.start_reading()
    done(browser.wait(20))
    done(browser.back(FEED))
    done(browser.wait(1))
    values = [(at, event["value"], event["age_ms"], event["id"]) for at, events in site.reports for event in events]
    # The last one by the beacon of the page that is left, and again by the next page, as nothing confirmed it.
    assert values == [(16.0, 14_500, 1000, "id 0"), (20.5, 5_500, 0, "id 1"), (20.5, 5_500, 0, "id 1")]
    assert {(event["kind"], event["token"]) for _, events in site.reports for event in events} == {("dwell", "t7")}


def test_text_that_is_scrolled_away_is_not_read() -> None:
    site = Site()
    browser = browsing(site)
    done(browser.go("/items/seven/"))
    browser.start_reading()
    done(browser.wait(3))
    browser.stop_reading()
    done(browser.wait(4))
    done(browser.close())
    assert [event["value"] for _, events in site.reports for event in events] == [3_000]


def test_what_nobody_confirmed_is_kept_for_the_next_visit() -> None:
    queue, site = EventQueue(), Site(status=503)
    browser = browsing(site, queue)
    done(browser.go("/"))
    browser.see(["a"])
    done(browser.close())
    kept = EventQueue.from_json(json.loads(json.dumps(queue.as_json())))
    assert [told for _, _, told in kept.events] == [{"kind": "view", "token": "a"}]
    site.status = 200
    later = browsing(site, kept)
    done(later.go("/"))
    done(later.wait(1))
    assert site.reports[-1][1][0]["token"] == "a"
    assert kept.events == []


def test_a_site_in_trouble_is_asked_again_ever_later_and_as_it_wishes() -> None:
    site = Site(status=503)
    browser = browsing(site)
    done(browser.go("/"))
    browser.see(["a"])
    done(browser.wait(30))
    times = [at for at, _ in site.reports]
    pauses = [after - before for before, after in pairwise(times)]
    assert len(pauses) >= 3
    assert 1 <= pauses[0] <= 2
    assert 2 <= pauses[1] <= 4
    asked = Site(status=429, headers={"Retry-After": "60"})
    browser = browsing(asked)
    done(browser.go("/"))
    browser.see(["a"])
    done(browser.wait(70))
    times = [at for at, _ in asked.reports]
    assert times[1] - times[0] >= 60


def test_batches_have_fifty_at_most_and_events_of_two_days_ago_are_dropped() -> None:
    queue, site = EventQueue(), Site()
    queue.add("old", NOON - timedelta(hours=49), {"kind": "view", "token": "old"})
    browser = browsing(site, queue)
    done(browser.go("/"))
    browser.see([str(number) for number in range(120)])
    done(browser.wait(3))
    assert [len(events) for _, events in site.reports] == [50, 50, 20]
    assert "old" not in {event["token"] for _, events in site.reports for event in events}


def test_the_site_learns_the_columns_from_the_second_page_on() -> None:
    site = Site()
    browser = browsing(site, columns=1)
    done(browser.go("/"))
    done(browser.go("/"))
    assert site.cookies == ["", "columns=1"]


def test_a_link_to_the_source_is_told_at_once() -> None:
    site = Site()
    browser = browsing(site)
    page = done(browser.go("/items/seven/"))
    browser.tell({"kind": "outbound", **page.story.subject}, at_once=True)
    done(browser.wait(0))
    assert kinds(site.reports[0]) == ["outbound"]
    assert site.reports[0][1][0]["age_ms"] == 0


def test_a_page_that_does_not_come_is_said_by_its_address() -> None:
    site = Site(page_status=500)
    with pytest.raises(SiteRefused, match="GET /: 500 "):
        done(browsing(site).go("/"))


def test_who_lets_events_wait_longer_reports_the_same_moments_later() -> None:
    site = Site()
    browser = browsing(site, report_after=timedelta(seconds=20))
    done(browser.go("/"))
    done(browser.wait(1))
    for token in ("a", "b"):
        browser.see([token])
        done(browser.wait(15))
    ((at, events),) = site.reports
    assert at == 21
    assert [(event["token"], event["age_ms"]) for event in events] == [("a", 20_000), ("b", 5_000)]


def test_who_lets_events_wait_longer_sends_nothing_twice() -> None:
    site = Site()
    browser = browsing(site, report_after=timedelta(minutes=5))
    done(browser.go("/"))
    browser.see(["a", "b"])
    done(browser.go("/items/seven/"))
    browser.start_reading()
    done(browser.wait(20))
    done(browser.back(FEED))
    done(browser.wait(1))
    browser.see(["c"])
    done(browser.close())
    assert [(at, kinds((at, events))) for at, events in site.reports] == [
        (0.0, ["view", "view"]),
        (20.0, ["dwell", "dwell"]),
        (21.0, ["view"]),
    ]


def test_who_lets_events_wait_longer_sends_a_beacon_again_that_was_not_answered() -> None:
    site = Site(status=503)
    browser = browsing(site, report_after=timedelta(minutes=5))
    done(browser.go("/"))
    browser.see(["a"])
    done(browser.go("/"))
    site.status = 200
    done(browser.wait(1))
    assert [event["id"] for _, events in site.reports for event in events] == ["id 0", "id 0"]


def test_a_full_batch_waits_for_nothing() -> None:
    site = Site()
    browser = browsing(site, report_after=timedelta(minutes=5))
    done(browser.go("/"))
    done(browser.wait(1))
    for number in range(52):
        browser.see([str(number)])
        done(browser.wait(1))
    done(browser.close())
    assert [(at, len(events)) for at, events in site.reports] == [(50.0, 50), (53.0, 2)]
