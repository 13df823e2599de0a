"""One behaviour, done by a hand at Chromium and by a simulated browser."""

from __future__ import annotations

import random
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar
from urllib.parse import urlencode

import httpx
from playwright.sync_api import Locator, Page, expect

from simulation.browser import SOON, Browser, Steps
from simulation.clocks import NoClock
from simulation.event_queue import EventQueue
from simulation.pages import CardOnPage, Form, find_form, find_undo
from simulation.pages import Page as SimulatedPage
from simulation.visit import ROWS_AHEAD
from tests.browser.recording_proxy import Recorder
from tests.browser.reporting.still_page import EVENTS, HIDING, NOON, WITHOUT_WORKER
from tests.waiting import wait_until

T = TypeVar("T")

TICK_S = 0.5
"""Everybody does everything at such steps of time. Timers of the site are multiples of it."""
LANGUAGE = "en-GB"
NO_SCRIPTS = "/healthz"
"""A page of the site that asks for nothing and reports nothing."""
ROW_S = 1.5
"""So long a row of cards stays on screen: it is seen after one second."""

_ON_SCREEN = """() => new Promise((seen) => new IntersectionObserver((_, observer) => {
  observer.disconnect();
  seen();
}).observe(document.body))"""
_ALL_IS_SENT = "() => navigator.locks.request('events', () => null)"
_WAITING_IDS = "() => Object.keys(localStorage).filter(key => key.startsWith('event ')).map(key => key.slice(6))"
_LAST_ON_SCREEN = "element => element.scrollIntoView({block: 'end', behavior: 'instant'})"
_UNDER_THE_MASTHEAD = """element => {
  const masthead = document.querySelector(".masthead").offsetHeight;
  scrollTo({top: scrollY + element.getBoundingClientRect().top - masthead - 8, behavior: "instant"});
}"""


class Hand(Protocol):
    """What a reader can do. Cards are named by their place on the page, from 0; rows too."""

    def open_front_page(self) -> None:
        """As a newcomer, who is asked for topics."""

    def skip_choosing(self) -> None: ...

    def choose(self, topics: list[str]) -> None:
        """By their slugs, one after the other; the feed below follows."""

    def look_at_row(self, row: int) -> None:
        """Scroll there, and stay until its cards are seen."""

    def open_card(self, place: int) -> None: ...

    def read(self, seconds: float) -> None:
        """The text comes on screen half a second after the page, and stays there."""

    def press_on_story(self, kind: str) -> None:
        """kind: like or save. Its button stands above the text, which leaves the screen."""

    def follow_source(self) -> None:
        """By the link at the end of the text, in a new tab. What comes after it is not on screen yet."""

    def look_at_similar(self) -> None:
        """The first row under the text."""

    def come_back(self) -> None:
        """To the page before, by the browser's own button."""

    def dismiss(self, place: int) -> None: ...

    def undo(self, place: int) -> None: ...

    def search(self, words: str) -> None: ...

    def wait(self, seconds: float) -> None: ...

    def leave(self) -> None:
        """The site, for good."""


class AtChromium:
    """Time passes only when the behaviour says so."""

    def __init__(self, page: Page, recorder: Recorder, columns: int) -> None:
        self._page = page
        self._recorder = recorder
        self._columns = columns
        self._now = NOON + timedelta(minutes=1)
        for script in (HIDING, WITHOUT_WORKER):
            page.add_init_script(script)
        page.clock.install(time=NOON)
        page.clock.pause_at(self._now)

    def open_front_page(self) -> None:
        self._page.goto("/")
        self._arrive()

    def skip_choosing(self) -> None:
        self._page.get_by_role("button", name="Skip").click()
        self._arrive("For you")

    def choose(self, topics: list[str]) -> None:
        page = self._page
        page.locator(".more-topics > summary").click()  # the rest of the topics
        for slug in topics:
            with page.expect_response(lambda response, slug=slug: f"topics={slug}" in response.url):
                page.locator(".tile-choice", has=page.locator(f"input[value={slug}]")).click()
            self.wait(TICK_S)
        page.get_by_role("button", name="Done").click()
        self._arrive("For you")

    def look_at_row(self, row: int) -> None:
        first = row * self._columns
        card = self._page.locator("[data-feed] .card").nth(first)
        card.evaluate(_UNDER_THE_MASTHEAD)
        self._look()
        self.wait(ROW_S)

    def open_card(self, place: int) -> None:
        self._open(self._page.locator(".card").nth(place))

    def read(self, seconds: float) -> None:
        self.wait(TICK_S)
        self._page.locator(".story-body").evaluate(_UNDER_THE_MASTHEAD)
        self._look()
        self.wait(seconds)

    def press_on_story(self, kind: str) -> None:
        self._page.locator(".story-head").evaluate(_UNDER_THE_MASTHEAD)
        self._look()
        button = self._page.locator(f".story-actions > form.{kind} button")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        self.wait(TICK_S)

    def follow_source(self) -> None:
        link = self._page.locator("a[data-outbound]")
        link.evaluate(_LAST_ON_SCREEN)
        self._look()
        with self._page.context.expect_page() as opened:
            link.click(button="middle")
        opened.value.close()
        self.wait(TICK_S)

    def look_at_similar(self) -> None:
        self._page.locator(".similar .card").first.evaluate(_UNDER_THE_MASTHEAD)
        self._look()
        self.wait(ROW_S)

    def come_back(self) -> None:
        page, left = self._page, self._page.url
        page.evaluate("window.history.back()")
        page.wait_for_function("left => location.href !== left", arg=left)
        page.evaluate(_ON_SCREEN)
        # A page that was kept stood still meanwhile.
        page.clock.pause_at(self._now)
        self._take_stock()

    def dismiss(self, place: int) -> None:
        card = self._page.locator(".card").nth(place)
        card.locator("details[data-menu] > summary").click()
        card.get_by_role("button", name=re.compile("Not interested")).click()
        expect(card.locator(".card-gone")).to_be_visible()
        self.wait(TICK_S)

    def undo(self, place: int) -> None:
        card = self._page.locator(".card").nth(place)
        card.get_by_role("button", name=re.compile("Undo")).click()
        expect(card.locator(".card-title")).to_be_visible()
        self.wait(TICK_S)

    def search(self, words: str) -> None:
        box = self._page.get_by_role("combobox", name="Search")
        box.fill(words)
        box.press("Enter")
        self._arrive("Search")

    def wait(self, seconds: float) -> None:
        self._let_pass(0.0)  # what is due at once
        for tick in range(round(seconds / TICK_S)):
            if tick % 20 == 0:
                self._page.keyboard.press("Shift")  # somebody is there
            self._let_pass(TICK_S)
        self._now += timedelta(seconds=seconds)

    def _let_pass(self, seconds: float) -> None:
        """Sending waits for its lock in real time: were the clock moved on meanwhile, it would send too late."""
        self._page.clock.run_for(round(1000 * seconds))
        self._page.evaluate(_ALL_IS_SENT)

    def leave(self) -> None:
        self._page.goto(NO_SCRIPTS)
        self._take_stock()

    def _open(self, card: Locator) -> None:
        link = card.locator(".card-title a")
        title = link.inner_text()
        link.click()
        self._arrive(title)

    def _arrive(self, heading: str | None = None) -> None:
        if heading is not None:
            expect(self._page.get_by_role("heading", level=1)).to_have_text(heading)
        self._page.wait_for_load_state()
        self._look()
        self._take_stock()

    def _look(self) -> None:
        """Wait until the browser has told every observer what is on screen."""
        self._page.evaluate(_ON_SCREEN)

    def _take_stock(self) -> None:
        """Wait for the beacon of the page that was left: it had all that waits."""
        waiting = self._page.evaluate(_WAITING_IDS)

        def came() -> bool:
            bodies = [one.body for one in self._recorder.sent if one.path == EVENTS]
            return all(any(event_id in body for body in bodies) for event_id in waiting)

        wait_until(came, "the beacon has come")


class Simulated:
    """Drives the browser of simulation/ as its visits do."""

    def __init__(self, client: httpx.Client, columns: int, *, report_after: timedelta = SOON) -> None:
        self._columns = columns
        self._browser = Browser(
            client,
            NoClock(),
            now=datetime(2026, 3, 1, 12, 1, tzinfo=UTC),
            new_id=lambda: str(uuid.uuid4()),
            luck=random.Random(1),
            languages=(LANGUAGE,),
            columns=columns,
            queue=EventQueue(),
            report_after=report_after,
        )
        self._before: list[tuple[SimulatedPage, list[CardOnPage], str | None]] = []
        self._gone = ""

    def open_front_page(self) -> None:
        self._show(_played(self._browser.go("/")))

    def skip_choosing(self) -> None:
        welcome = self._page.welcome
        assert welcome is not None
        languages = [("languages", code) for code in welcome.languages]
        self._show(_played(self._browser.submit(welcome.form, [*languages, ("skip", "1")])))

    def choose(self, topics: list[str]) -> None:
        welcome = self._page.welcome
        assert welcome is not None
        order = list(welcome.topics.values())
        languages = [("languages", code) for code in welcome.languages]
        ticked: list[tuple[str, str]] = []
        for slug in topics:
            ticked = sorted([*ticked, ("topics", slug)], key=lambda pair: order.index(pair[1]))
            _played(self._browser.fetch(self._page, f"/?{urlencode([*ticked, *languages])}"))
            self.wait(TICK_S)
        self._show(_played(self._browser.submit(welcome.form, [*ticked, *languages])))

    def look_at_row(self, row: int) -> None:
        place = row * self._columns
        if self._next_path is not None and len(self._cards) - place <= ROWS_AHEAD[self._columns] * self._columns:
            more = _played(self._browser.fetch(self._page, self._next_path))
            self._cards, self._next_path = [*self._cards, *more.cards], more.next_path
        self._see(self._cards[place : place + self._columns])

    def open_card(self, place: int) -> None:
        self._before.append((self._page, self._cards, self._next_path))
        self._show(_played(self._browser.go(self._cards[place].href, referer=self._page.path)))

    def read(self, seconds: float) -> None:
        self.wait(TICK_S)
        self._browser.start_reading()
        self.wait(seconds)

    def press_on_story(self, kind: str) -> None:
        self._browser.stop_reading()
        self._press(find_form(self._page.source, f"reaction {kind}"))

    def follow_source(self) -> None:
        self._browser.start_reading()
        self._browser.tell({"kind": "outbound", **self._page.story.subject}, at_once=True)
        self.wait(TICK_S)

    def look_at_similar(self) -> None:
        self._browser.stop_reading()
        self._see(self._cards[: self._columns])

    def come_back(self) -> None:
        self._page, self._cards, self._next_path = self._before.pop()
        _played(self._browser.back(self._page))

    def dismiss(self, place: int) -> None:
        self._gone = self._press(self._cards[place].form("menu"), ("kind", "dismiss"))

    def undo(self, place: int) -> None:
        self._press(find_undo(self._gone))

    def search(self, words: str) -> None:
        self._show(_played(self._browser.go(f"/search/?{urlencode([('q', words)])}", referer=self._page.path)))

    def wait(self, seconds: float) -> None:
        _played(self._browser.wait(seconds))

    def leave(self) -> None:
        _played(self._browser.close())

    def _show(self, page: SimulatedPage) -> None:
        self._page, self._cards, self._next_path = page, list(page.cards), page.next_path

    def _see(self, row: list[CardOnPage]) -> None:
        self.wait(1)
        self._browser.see([card.token for card in row if card.token])
        self.wait(ROW_S - 1)

    def _press(self, form: Form, *button: tuple[str, str]) -> str:
        answer = _played(self._browser.press(self._page, form, *button))
        self.wait(TICK_S)
        return answer


def _played(steps: Steps[T]) -> T:
    """Every request is made when it is due."""
    try:
        moment = next(steps)
        while True:
            moment = steps.send(moment)
    except StopIteration as end:
        found: T = end.value
        return found
