"""A simulated reader is to the site what a person with a browser is: for the same behaviour it is sent the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import pytest
from django.core.cache import cache
from playwright.sync_api import Browser

from recsite import clock
from recsite.popularity import POPULARITY_KEY
from simulation.browser import SOON
from tests.browser import what_was_sent
from tests.browser.conftest import NewContext
from tests.browser.recording_proxy import Recorder, recording
from tests.browser.reporting.still_page import LINK_EVERYWHERE
from tests.browser.site import CHROMIUM_OPTIONS, Site, find_chromium
from tests.browser.two_readers import NO_SCRIPTS, AtChromium, Hand, Simulated
from tests.browser.what_was_sent import Event

Behaviour = Callable[[Hand], None]


@dataclass(frozen=True)
class Screen:
    """So low that one row of cards is seen at a time."""

    columns: int
    width: int
    height: int


DESKTOP = Screen(4, 1280, 620)
PHONE = Screen(1, 390, 560)


@pytest.fixture(scope="module")
def browser(browser: Browser) -> Iterator[Browser]:
    """One that keeps pages that were left, as people's do; Playwright's own are told not to."""
    kept_from = ["--disable-back-forward-cache"]
    keeping = browser.browser_type.launch(
        executable_path=find_chromium(), args=CHROMIUM_OPTIONS, ignore_default_args=kept_from
    )
    yield keeping
    keeping.close()


def an_evening_at_a_desk(hand: Hand) -> None:
    hand.open_front_page()
    hand.wait(2)
    hand.skip_choosing()
    for row in range(4):
        hand.look_at_row(row)
    hand.open_card(1)
    hand.read(33)
    hand.press_on_story("like")
    hand.press_on_story("save")
    hand.follow_source()
    hand.look_at_similar()
    hand.open_card(2)
    hand.read(4)
    hand.come_back()
    hand.wait(2)
    hand.come_back()
    hand.wait(2)
    hand.dismiss(2)
    hand.undo(2)
    hand.dismiss(3)
    hand.search("night walk")
    hand.look_at_row(0)
    hand.wait(5)
    hand.leave()


def a_minute_with_a_phone(hand: Hand) -> None:
    hand.open_front_page()
    hand.choose(["birds", "maps"])
    for row in range(3):
        hand.look_at_row(row)
    hand.dismiss(2)
    hand.look_at_row(3)
    hand.open_card(3)
    hand.read(20)
    hand.come_back()
    hand.look_at_row(4)
    hand.leave()


@pytest.mark.parametrize(
    ("behave", "screen"), [(an_evening_at_a_desk, DESKTOP), (a_minute_with_a_phone, PHONE)], ids=["desktop", "phone"]
)
def test_a_simulated_reader_sends_what_a_real_browser_sends_for_the_same_behaviour(
    new_context: NewContext, site: Site, behave: Behaviour, screen: Screen
) -> None:
    site.change(LINK_EVERYWHERE, f"{site.address}{NO_SCRIPTS}")
    with recording(site.address) as real, recording(site.address) as made_up:
        play_real(behave, screen, new_context, real)
        play_made_up(behave, screen, made_up)
    assert what_was_sent.requests(made_up) == what_was_sent.requests(real)
    assert without_ids(made_up) == without_ids(real)
    assert repeats(made_up) == repeats(real)
    assert what_was_sent.report_headers(made_up) == what_was_sent.report_headers(real)
    assert log_of(site, made_up) == log_of(site, real)


def test_one_who_reports_seldom_leaves_the_log_of_one_who_reports_at_once(site: Site) -> None:
    site.change(LINK_EVERYWHERE, f"{site.address}{NO_SCRIPTS}")
    with recording(site.address) as often, recording(site.address) as seldom:
        play_made_up(an_evening_at_a_desk, DESKTOP, often)
        play_made_up(an_evening_at_a_desk, DESKTOP, seldom, report_after=timedelta(minutes=5))
    assert len(what_was_sent.reports(seldom)) < len(what_was_sent.reports(often))
    assert log_of(site, seldom) == log_of(site, often) != ([], [], [])


def play_real(behave: Behaviour, screen: Screen, new_context: NewContext, recorder: Recorder) -> None:
    same_for_all()
    size = {"width": screen.width, "height": screen.height}
    page = new_context(base_url=recorder.address, viewport=size).new_page()
    behave(AtChromium(page, recorder, screen.columns))


def play_made_up(behave: Behaviour, screen: Screen, recorder: Recorder, *, report_after: timedelta = SOON) -> None:
    same_for_all()
    with httpx.Client(base_url=recorder.address, timeout=60) as client:
        behave(Simulated(client, screen.columns, report_after=report_after))


def same_for_all() -> None:
    """What the reader before looked at does not move what is popular."""
    cache.set(POPULARITY_KEY, (clock.now(), []), timeout=180)


def without_ids(recorder: Recorder) -> list[list[Event]]:
    return [[replace(event, id="") for event in batch] for batch in what_was_sent.reports(recorder)]


def repeats(recorder: Recorder) -> list[int]:
    """Of each batch, how many of its events had been sent before."""
    known: set[str] = set()
    counts = []
    for batch in what_was_sent.reports(recorder):
        ids = {event.id for event in batch}
        counts.append(len(ids & known))
        known |= ids
    return counts


def log_of(site: Site, recorder: Recorder) -> tuple[list[tuple[object, ...]], ...]:
    reader = what_was_sent.reader_of(recorder)
    return what_was_sent.slates(site, reader), what_was_sent.views(site, reader), what_was_sent.acts(site, reader)
