"""One visit: somebody opens the front page, looks at cards, opens some, reads, says what they think, and goes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from statistics import NormalDist
from typing import Any
from urllib.parse import urlencode

from simulation.behaviour import LONGEST_READ_S, SHORTEST_READ_S, cards_looked_through, look_probability, match_of
from simulation.browser import Browser, Steps
from simulation.draws import chance, reader_stream
from simulation.eyes import Eyes
from simulation.judgement import appeal, satisfaction, shifted, utility
from simulation.minds import Memory, in_a_mood, tastes_on
from simulation.pages import CardOnPage, Page, Welcome, find_form, find_undo
from simulation.readers import SimulatedReader
from simulation.truth import Truth
from simulation.worlds import World

SEEN_AFTER_S = 1.0
"""So long a card must be on screen to be seen, and nobody decides sooner."""
GLANCE_S = (0.8, 2.5)
LEAD_IN_S = (0.3, 1.2)
"""Until the text of a story is on screen."""
MENU_S, UNDO_S, TICK_S, TYPING_S, GOODBYE_S = 1.0, 3.0, 1.5, 4.0, 2.5
ROWS_AHEAD = {4: 3, 1: 3}
"""By columns: so many rows before the end of the cards a browser asks for more, which is some 1,200 pixels."""
PHONE, DESKTOP = 1, 4
LONGEST = timedelta(minutes=40)
RESULTS_LOOKED_AT = 12
FIRST_SLOTS = 10
_NORMAL = NormalDist()


@dataclass
class Told:
    """What a visit was in truth, for whoever measures the site. Items by their keys, in the order of the page.

    utilities: of the first slots of the first page, at the tastes of the day.  kinds: of those items.
    """

    reader: str
    day: int
    visit: int
    began: datetime
    ended: datetime
    page: list[str] = field(default_factory=list)
    utilities: list[float] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    looked_at: int = 0
    opened: list[str] = field(default_factory=list)
    satisfactions: list[float] = field(default_factory=list)
    liked: list[str] = field(default_factory=list)
    saved: list[str] = field(default_factory=list)
    dismissed: list[str] = field(default_factory=list)
    searched: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "began": self.began.isoformat(), "ended": self.ended.isoformat()}


def columns_of(seed: int, reader: SimulatedReader, world: World) -> int:
    """Whether they have the site on a phone."""
    return PHONE if chance(seed, reader.key, 0, "", "phone") < world.readers.on_phone else DESKTOP


class Visit:
    """day: counted from the world's first.  number: of the day's visits, from 0."""

    def __init__(
        self,
        *,
        seed: int,
        world: World,
        reader: SimulatedReader,
        memory: Memory,
        eyes: Eyes,
        browser: Browser,
        day: int,
        number: int,
    ) -> None:
        self._seed = seed
        self._world = world
        self._rules = world.readers
        self._reader = reader
        self._memory = memory
        self._eyes = eyes
        self._browser = browser
        self._day = day
        self._number = number
        self._tastes = tastes_on(seed, reader, day, world.readers)
        self._mood = in_a_mood(reader_stream(seed, reader.key, day, f"mood {number}"), self._tastes, world.readers)
        self._patience = cards_looked_through(seed, reader, day=day, visit=number)
        self._columns = columns_of(seed, reader, world)
        self._ends_at = browser.now + LONGEST
        self.told = Told(reader.key, day, number, browser.now, browser.now)

    def play(self) -> Steps[Told]:
        page = yield from self._browser.go("/")
        welcome = page.welcome
        if welcome is not None and not self._memory.has_chosen:
            page = yield from self._choose(page, welcome)
        self._note_first(page)
        yield from self._look_through(page)
        if self._luck("", "search") < self._rules.searches:
            yield from self._search(page)
        yield from self._browser.wait(GOODBYE_S)
        yield from self._browser.close()
        self.told.ended = self._browser.now
        self._memory.end_visit(self.told.satisfactions, self._rules)
        self._memory.forget_old(self._day, self._rules)
        return self.told

    # --- the first choice ---

    def _choose(self, page: Page, welcome: Welcome) -> Steps[Page]:
        """Tick topics, while the feed below follows, or wave them away."""
        self._memory.has_chosen = True
        yield from self._browser.wait(TICK_S)
        if self._luck("", "skip choosing") < self._rules.skips_choosing:
            return (yield from self._browser.submit(welcome.form, [("skip", "1")]))
        liked = self._eyes.topics_liked(self._tastes, welcome.topics, self._rules.topics_chosen)
        # A browser sends ticked boxes in the order of the page.
        order = list(welcome.topics.values())
        languages = [("languages", code) for code in welcome.languages]
        ticked: list[tuple[str, str]] = []
        for name in liked:
            ticked = sorted([*ticked, ("topics", welcome.topics[name])], key=lambda pair: order.index(pair[1]))
            yield from self._browser.fetch(page, f"/?{urlencode([*ticked, *languages])}")
            yield from self._browser.wait(TICK_S)
        return (yield from self._browser.submit(welcome.form, [*ticked, *languages]))

    def _note_first(self, page: Page) -> None:
        cards = page.cards
        self.told.page = [self._eyes.key_of(card) for card in cards]
        truths = [self._eyes.truth_of(card) for card in cards[:FIRST_SLOTS]]
        self.told.utilities = [round(utility(self._tastes, truth, self._world), 6) for truth in truths]
        self.told.kinds = [truth.kind for truth in truths]

    # --- cards ---

    def _look_through(self, page: Page, *, limit: int | None = None) -> Steps[None]:
        """Scroll row by row, and ask for more before the end, until patience is gone. limit: of cards of this page."""
        cards, next_path, place = list(page.cards), page.next_path, 0
        left = self._patience if limit is None else limit
        while place < len(cards) and left > 0 and self._browser.now < self._ends_at:
            if next_path is not None and len(cards) - place <= ROWS_AHEAD[self._columns] * self._columns:
                more = yield from self._browser.fetch(page, next_path)
                cards, next_path = [*cards, *more.cards], more.next_path
            row = cards[place : place + self._columns]
            patience = self._patience
            yield from self._look_at_row(page, row, place, left)
            left -= len(row) + patience - self._patience
            place += len(row)

    def _look_at_row(self, page: Page, row: Sequence[CardOnPage], place: int, left: int) -> Steps[None]:
        yield from self._browser.wait(SEEN_AFTER_S)
        self._browser.see([card.token for card in row if card.token])
        for number, card in enumerate(row[:left]):
            yield from self._browser.wait(self._between(GLANCE_S, self._luck(self._eyes.key_of(card), "glance")))
            yield from self._look_at(page, card, place + number)

    def _look_at(self, page: Page, card: CardOnPage, position: int, *, depth: int = 0) -> Steps[None]:
        key = self._eyes.key_of(card)
        if self._luck(key, "look") >= look_probability(position, self._world.habits):
            return
        self.told.looked_at += 1
        truth = self._eyes.truth_of(card)
        click = self._click_chance(card, key, truth, position)
        self._memory.look_at(card.topic, self._rules)
        if self._luck(key, "click") < click:
            yield from self._open(page, card, key, truth, depth)
            return
        self._memory.leave(key, self._day, self._rules)
        unfit = (1 - match_of(self._mood, truth)) ** 2
        if key not in self._memory.read and self._luck(key, "dismiss") < self._world.habits.dismissals * unfit:
            yield from self._dismiss(page, card, key)

    def _click_chance(self, card: CardOnPage, key: str, truth: Truth, position: int) -> float:
        if key in self._memory.read or card.language not in self._reader.languages:
            return 0.0
        noise = self._rules.noise * _NORMAL.inv_cdf(min(max(self._luck(key, "noise"), 1e-9), 1 - 1e-9))
        trust = self._rules.trust_in_top / (1 + position)
        boredom = self._memory.boredom(card.topic, key, self._day, self._rules)
        return shifted(appeal(self._mood, truth, self._world), noise + trust - boredom)

    def _dismiss(self, page: Page, card: CardOnPage, key: str) -> Steps[None]:
        """By the card's menu; now and then it was a slip of the hand."""
        yield from self._browser.wait(MENU_S)
        gone = yield from self._browser.press(page, card.form("menu"), ("kind", "dismiss"))
        self.told.dismissed.append(key)
        if self._luck(key, "undo") < self._rules.undos:
            yield from self._browser.wait(UNDO_S)
            yield from self._browser.press(page, find_undo(gone))
            self.told.dismissed.remove(key)

    # --- a piece ---

    def _open(self, page: Page, card: CardOnPage, key: str, truth: Truth, depth: int) -> Steps[None]:
        """Follow the card's link, read, say what there is to say, come back."""
        browser = self._browser
        given = satisfaction(self._mood, truth, self._world)
        self._memory.open(key)
        self.told.opened.append(key)
        self.told.satisfactions.append(round(given, 6))
        story = yield from browser.go(card.href, referer=page.path)
        if truth.kind == "bait":
            yield from self._glance_at_bait(key)
        else:
            yield from self._read(key, given)
            yield from self._say(story, key, given)
            if depth == 0 and self._luck(key, "further") < self._rules.looks_further * given:
                yield from self._look_further(story)
        yield from browser.back(page)
        yield from browser.wait(MENU_S)
        regrets = self._world.items.bait_dismissals if truth.kind == "bait" else self._regrets(given)
        if self._luck(key, "regret") < regrets:
            yield from self._dismiss(page, card, key)

    def _regrets(self, given: float) -> float:
        return self._world.habits.regrets * (1 - given) ** 2

    def _glance_at_bait(self, key: str) -> Steps[None]:
        rules = self._world.items
        self._patience -= self._rules.disappointment_cards
        self._browser.start_reading()
        ends = (rules.bait_shortest_read_s, rules.bait_longest_read_s)
        yield from self._browser.wait(self._between(ends, self._luck(key, "reading")))

    def _read(self, key: str, given: float) -> Steps[None]:
        yield from self._browser.wait(self._between(LEAD_IN_S, self._luck(key, "lead-in")))
        self._browser.start_reading()
        yield from self._browser.wait(SHORTEST_READ_S + LONGEST_READ_S * given * self._luck(key, "reading"))

    def _say(self, story: Page, key: str, given: float) -> Steps[None]:
        """Like, save, follow the link to the source: by the story's own buttons."""
        browser, habits = self._browser, self._world.habits
        for kind, share, told in (("like", habits.likes, self.told.liked), ("save", habits.saves, self.told.saved)):
            if self._luck(key, kind) < share * given:
                form = find_form(story.source, f"reaction {kind}")
                if ("undo", "1") not in form.fields:  # it is pressed already
                    yield from browser.press(story, form)
                    told.append(key)
                yield from browser.wait(MENU_S)
        if story.story.has_source and self._luck(key, "outbound") < self._rules.outbound * given:
            browser.tell({"kind": "outbound", **story.story.subject}, at_once=True)
            yield from browser.wait(MENU_S)

    def _look_further(self, story: Page) -> Steps[None]:
        """The row of similar items under the text."""
        self._browser.stop_reading()
        row = story.cards[: self._columns]
        yield from self._browser.wait(SEEN_AFTER_S)
        self._browser.see([card.token for card in row if card.token])
        for position, card in enumerate(row):
            yield from self._browser.wait(self._between(GLANCE_S, self._luck(self._eyes.key_of(card), "glance")))
            yield from self._look_at(story, card, position, depth=1)

    # --- search ---

    def _search(self, page: Page) -> Steps[None]:
        """For the longest word of the title that they like best of those before them."""
        cards = [card for card in page.cards if card.language in self._reader.languages]
        if not cards:
            return
        best = max(cards, key=lambda card: appeal(self._mood, self._eyes.truth_of(card), self._world))
        wanted = max(re.findall(r"\w+", best.title) or [best.title], key=len)
        yield from self._browser.wait(TYPING_S)
        found = yield from self._browser.go(f"/search/?{urlencode([('q', wanted)])}", referer=page.path)
        self.told.searched.append(wanted)
        yield from self._look_through(found, limit=RESULTS_LOOKED_AT)

    # --- luck ---

    def _luck(self, item: str, purpose: str) -> float:
        """By seed, reader, day, item and purpose: wherever an item stands, it meets the same luck. What is of no item
        is of a visit."""
        return chance(self._seed, self._reader.key, self._day, item, purpose if item else f"{purpose} {self._number}")

    @staticmethod
    def _between(ends: tuple[float, float], share: float) -> float:
        low, high = ends
        return low + (high - low) * share


def begins(day_begins_at: datetime, hour: float) -> datetime:
    """When a visit begins that is due at that hour, to the millisecond, early enough to end on its day."""
    last = 24.0 - (LONGEST.total_seconds() + 600) / 3600
    return day_begins_at + timedelta(milliseconds=round(hour / 24 * last * 3_600_000))
