"""A reader's browser: pages, forms and reports over HTTP, with the events, batches and times of the site's own scripts.

What static/js/{delivery,reading,views}.js do by timers is done here by a clock that the browser moves itself. Whatever
asks the site is a generator: it yields the moment at which the request is due, and is sent the moment at which it is
made. So many readers can be played in the order of their times, as fast as the site answers or as slow as life.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx

from simulation.clocks import Clock
from simulation.event_queue import MILLISECOND, EventQueue, Told
from simulation.pages import Form, Page, Story

T = TypeVar("T")
Steps = Generator[datetime, datetime, T]

EVENTS = "/api/v1/events"
BATCH = 50
SOON = timedelta(seconds=1)
REPORT_EVERY = timedelta(seconds=15)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 300.0
AGENT = "Mozilla/5.0 (X11; Linux x86_64) made-up reader"
COLUMNS_COOKIE = "columns"


class SiteRefused(RuntimeError):
    """The site did not answer as it does to a browser."""


@dataclass
class _Reading:
    """As in reading.js: since when the text is on screen without being counted, and when to tell next."""

    story: Story
    since: datetime | None
    tell_at: datetime
    read: timedelta = timedelta()

    def count(self, now: datetime) -> None:
        if self.since is not None:
            self.read += max(timedelta(), now - self.since)
            self.since = now


class Browser:
    """client: has the cookies, and an address or a transport that leads to the site.

    new_id: the next id of an event.  luck: of pauses after a failure.  languages: that it asks for, the best first.
    report_after: how long events wait for others. The site's scripts wait a second; who lets them wait longer has what
    happened arrive later, at the same times of happening and never after the page is left. Then a full batch goes at
    once, and the answer to a beacon is believed, which no script can see: nothing that was counted is sent again.
    """

    def __init__(
        self,
        client: httpx.Client,
        clock: Clock,
        *,
        now: datetime,
        new_id: Callable[[], str],
        luck: random.Random,
        languages: Sequence[str],
        columns: int,
        queue: EventQueue,
        report_after: timedelta = SOON,
    ) -> None:
        self.now = now
        self._client = client
        self._clock = clock
        self._new_id = new_id
        self._luck = luck
        self._columns = columns
        self._queue = queue
        self._report_after = report_after
        self._is_sparing = report_after > SOON
        self._due: datetime | None = None
        self._failures = 0
        self._not_before = now
        self._reading: _Reading | None = None
        self._beaconed: set[str] = set()
        self._origin = str(client.base_url).rstrip("/")
        rest = [f"{code};q={1 - 0.1 * place:.1f}" for place, code in enumerate(languages[1:], start=1)]
        self._headers = {"User-Agent": AGENT, "Accept-Language": ",".join([*languages[:1], *rest])}

    # --- pages ---

    def go(self, path: str, *, referer: str = "") -> Steps[Page]:
        """Leave this page for another one."""
        yield from self._leave()
        page = yield from self._open(path, referer)
        self._arrive(page)
        return page

    def submit(self, form: Form, more: Sequence[tuple[str, str]]) -> Steps[Page]:
        """Send a plain form, and land where the site leads."""
        yield from self._leave()
        headers = {"Origin": self._origin}
        response = yield from self._ask("POST", form.action, data=[*form.fields, *more], headers=headers)
        page = _page(response)
        self._arrive(page)
        return page

    def back(self, page: Page) -> Steps[None]:
        """Return to a page that the browser has kept as it was: the site is not asked for it."""
        yield from self._leave()
        self._arrive(page, is_new=False)

    def close(self) -> Steps[None]:
        yield from self._leave()

    def fetch(self, page: Page, path: str) -> Steps[Page]:
        """What htmx fetches for a page: a part of it."""
        response = yield from self._ask("GET", path, headers=self._htmx(page))
        return _page(response)

    def press(self, page: Page, form: Form, *button: tuple[str, str]) -> Steps[str]:
        """Press a button of a form that htmx sends; returns the HTML that takes its place."""
        headers = {**self._htmx(page), "Origin": self._origin, **page.headers}
        response = yield from self._ask("POST", form.action, data=[*form.fields, *button], headers=headers)
        return response.text

    # --- time, and what happens in it ---

    def wait(self, seconds: float) -> Steps[None]:
        """Let time pass; what the page's timers do meanwhile is done."""
        until = self.now + round(seconds * 1000) * MILLISECOND
        while True:
            tell_at = self._reading.tell_at if self._reading else None
            upcoming = min((moment for moment in (self._due, tell_at) if moment is not None), default=None)
            if upcoming is None or upcoming > until:
                break
            self.now = max(self.now, upcoming)
            if self._due is not None and self._due <= self.now:
                yield from self._deliver()
            elif self._reading is not None:
                self._tell_reading(self._reading)
                self._reading.tell_at += REPORT_EVERY
        self.now = max(self.now, until)

    def see(self, tokens: Sequence[str]) -> None:
        """These cards have been on screen for a second."""
        for token in tokens:
            self.tell({"kind": "view", "token": token})

    def tell(self, event: Told, *, at_once: bool = False) -> None:
        """Something happened just now."""
        self._queue.add(self._new_id(), self.now, event)
        is_full = self._is_sparing and len(self._queue.events) >= BATCH
        self._schedule(timedelta() if at_once or is_full else self._report_after)

    def start_reading(self) -> None:
        """The text of this story comes on screen."""
        if self._reading is not None and self._reading.since is None:
            self._reading.since = self.now

    def stop_reading(self) -> None:
        """It is scrolled away."""
        if self._reading is not None:
            self._reading.count(self.now)
            self._reading.since = None

    def _tell_reading(self, reading: _Reading) -> None:
        reading.count(self.now)
        value = reading.read // MILLISECOND
        if value:
            reading.read -= value * MILLISECOND
            self.tell({"kind": "dwell", "value": value, **reading.story.subject})

    # --- leaving and arriving ---

    def _leave(self) -> Steps[None]:
        """As on `pagehide`: the last of the reading, and a beacon with all that waits, which proves nothing."""
        if self._reading is not None:
            self._tell_reading(self._reading)
        self._reading, self._due = None, None
        ids = [event_id for event_id in self._queue.waiting(self.now) if event_id not in self._beaconed][-BATCH:]
        if ids and self.now >= self._not_before:
            self._beaconed.update(ids)
            response = yield from self._post(ids)
            if self._is_sparing:
                self._forget_answered(response)

    def _arrive(self, page: Page, *, is_new: bool = True) -> None:
        if is_new:
            self._beaconed = set()
            self._not_before, self._failures = self.now, 0
        if page.source.find("data-reading") != -1:
            self._reading = _Reading(page.story, None, self.now + REPORT_EVERY)
        if 'class="feed' in page.source:
            self._client.cookies.set(COLUMNS_COOKIE, str(self._columns))
        self._schedule(timedelta())

    # --- delivery ---

    def _schedule(self, delay: timedelta) -> None:
        """The earliest of all wishes counts, but never before the site may be asked again."""
        at = max(self.now + delay, self._not_before)
        if self._due is None or at < self._due:
            self._due = at

    def _deliver(self) -> Steps[None]:
        self._due = None
        while self.now >= self._not_before:
            ids = self._queue.waiting(self.now)[:BATCH]
            if not ids:
                return
            response = yield from self._post(ids)
            if self._forget_answered(response):
                self._failures = 0
            else:
                self._pause(response)

    def _forget_answered(self, response: httpx.Response | None) -> bool:
        """Whether it is an answer that says what need not be sent again."""
        if response is None or not response.is_success:
            return False
        self._queue.forget(result["id"] for result in response.json()["results"])
        return True

    def _pause(self, response: httpx.Response | None) -> None:
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**self._failures)
        self._failures += 1
        asked = response.headers.get("Retry-After", "") if response is not None else ""
        pause_s = max(longest * (0.5 + self._luck.random() / 2), float(asked) if asked.isdecimal() else 0.0)
        self._not_before = self.now + round(1000 * pause_s) * MILLISECOND
        self._due = self._not_before

    def _post(self, ids: Sequence[str]) -> Steps[httpx.Response | None]:
        """None when nobody answered."""
        self.now = yield self.now
        headers = {"Content-Type": "application/json", "Origin": self._origin, "Sec-Fetch-Site": "same-origin"}
        try:
            return self._request("POST", EVENTS, content=self._queue.body(ids, self.now), headers=headers)
        except httpx.RequestError:
            return None

    # --- requests ---

    def _open(self, path: str, referer: str) -> Steps[Page]:
        headers = {"Referer": f"{self._origin}{referer}"} if referer else {}
        response = yield from self._ask("GET", path, headers=headers)
        return _page(response)

    def _htmx(self, page: Page) -> dict[str, str]:
        address = f"{self._origin}{page.path}"
        return {"HX-Request": "true", "HX-Current-URL": address, "Referer": address}

    def _ask(self, method: str, path: str, **more: Any) -> Steps[httpx.Response]:
        """An answer that is a page or a part of one. Raises SiteRefused."""
        if "data" in more:
            more["content"] = urlencode(more.pop("data"))
            more["headers"]["Content-Type"] = "application/x-www-form-urlencoded"
        self.now = yield self.now
        try:
            response = self._request(method, path, follow_redirects=True, **more)
        except httpx.RequestError as error:
            raise SiteRefused(f"{method} {path}: nobody answers at {self._origin} ({error}).") from error
        if not response.is_success:
            raise SiteRefused(f"{method} {path}: {response.status_code} {response.text[:200]!r}")
        return response

    def _request(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**self._headers, **self._clock.headers(self.now), **more.pop("headers", {})}
        return self._client.request(method, path, headers=headers, **more)


def _page(response: httpx.Response) -> Page:
    url = response.url
    if "s" in url.params:  # reporting.js takes the token of a card out of the address
        url = url.copy_remove_param("s")
    return Page(url.raw_path.decode(), response.text)
