"""A warm-up: what the readers did in the days before the site could know them, when nobody chose for them.

What they saw was not learned: some of it popular, some found under a topic they like, the rest anything at all. A site
that imports it gets choices made under little guidance, at their true times.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulation.behaviour import Card, Habits, cards_looked_through, read_page
from simulation.draws import reader_stream
from simulation.offer import Offer, Shelf, WorldItem, favourite_topics, topic_mixtures
from simulation.readers import SimulatedReader

PAGE_CARDS = 24
POPULAR_SHARE, TOPIC_SHARE = 0.3, 0.3
"""Where the cards of a page come from; the rest is drawn evenly from everything."""
POPULARITY_HALF_LIFE_DAYS = 3.0
DRAWS_A_CARD = 8
"""How often another item is drawn when one is there already or dealt with; then the page is a card shorter."""
BOUNCE_S = 10.0
"""A click that was read for less is left out: a history has no room to say so, and whoever imports it takes a click for
a choice."""
DAY = timedelta(days=1)
HOURS_SPREAD = 2.5


@dataclass(frozen=True)
class PastAct:
    """`kind` as in `behaviour.Act`."""

    reader: str
    item: str
    kind: str
    happened_at: datetime


@dataclass(frozen=True)
class DayOfHistory:
    """acts: in order of time.  num_views: cards that came to a screen."""

    acts: tuple[PastAct, ...]
    num_visits: int
    num_views: int


class WarmUp:
    """Readers who browse `items` day by day.

    What is shown on a day depends on the days before it and on the reader's own day, so nobody's luck depends on who
    else there is but for what is popular.
    """

    def __init__(
        self, *, seed: int, readers: Sequence[SimulatedReader], items: Sequence[WorldItem], habits: Habits
    ) -> None:
        self._seed = seed
        self._readers = readers
        self._items = {item.key: item for item in items}
        self._habits = habits
        self._popularity: dict[str, float] = defaultdict(float)
        self._dealt_with: dict[str, set[str]] = {reader.key: set() for reader in readers}
        mixtures = topic_mixtures(items)
        self._favourites = {reader.key: favourite_topics(reader, mixtures) for reader in readers}

    def days(self, *, num_days: int, until: datetime) -> Iterator[DayOfHistory]:
        """The `num_days` days before `until`, one by one; nothing happens at or after `until`."""
        for day in range(num_days):
            begins_at = until - DAY * (num_days - day)
            past = self._day(day, begins_at)
            self._remember(past.acts)
            yield past

    def _day(self, day: int, begins_at: datetime) -> DayOfHistory:
        offer = Offer(list(self._items.values()), self._popularity, at=begins_at)
        acts: list[PastAct] = []
        num_visits = num_views = 0
        for reader in self._readers:
            shelf = offer.shelf(reader.languages)
            for visit, begun_at in enumerate(_visits(self._seed, reader, day, begins_at)):
                done, viewed = self._visit(reader, shelf, day=day, visit=visit, begun_at=begun_at)
                acts.extend(act for act in done if act.happened_at < begins_at + DAY)
                num_visits, num_views = num_visits + 1, num_views + viewed
        acts.sort(key=lambda act: act.happened_at)
        return DayOfHistory(tuple(acts), num_visits, num_views)

    def _visit(
        self, reader: SimulatedReader, shelf: Shelf, *, day: int, visit: int, begun_at: datetime
    ) -> tuple[list[PastAct], int]:
        """What was done, and how many cards came to the screen."""
        rng = reader_stream(self._seed, reader.key, day, f"page {visit}")
        patience = cards_looked_through(self._seed, reader, day=day, visit=visit)
        dealt_with = self._dealt_with[reader.key]
        shown: set[str] = set()
        acts: list[PastAct] = []
        viewed, opened_at = 0, begun_at
        while viewed < patience:
            keys = self._page(rng, reader, shelf, shown | dealt_with)
            if not keys:
                break
            shown.update(keys)
            cards = [Card(key, self._items[key].truth, viewed + place) for place, key in enumerate(keys)]
            read = read_page(self._seed, reader, cards, day=day, patience=patience - viewed, habits=self._habits)
            for act in read.acts:
                dealt_with.add(act.item)
                if act.kind != "click" or act.read_s >= BOUNCE_S:
                    acts.append(PastAct(reader.key, act.item, act.kind, opened_at + timedelta(seconds=act.after_s)))
            viewed += len(read.viewed)
            opened_at += timedelta(seconds=read.stayed_s + 2)
        return acts, viewed

    def _page(self, rng: random.Random, reader: SimulatedReader, shelf: Shelf, barred: set[str]) -> list[str]:
        """Different items, each slot from a source of its own; none of them `barred`."""
        taken = set(barred)
        page = []
        for _ in range(PAGE_CARDS):
            pool = self._pool(rng, reader, shelf)
            key = next((key for key in _draws(rng, pool) if key not in taken), None)
            if key is not None:
                taken.add(key)
                page.append(key)
        return page

    def _pool(self, rng: random.Random, reader: SimulatedReader, shelf: Shelf) -> Sequence[str]:
        source = rng.random()
        if source < POPULAR_SHARE:
            return shelf.popular or shelf.everything
        if source < POPULAR_SHARE + TOPIC_SHARE:
            return shelf.by_topic.get(rng.choice(self._favourites[reader.key])) or shelf.everything
        return shelf.everything

    def _remember(self, acts: Sequence[PastAct]) -> None:
        fade = 0.5 ** (1 / POPULARITY_HALF_LIFE_DAYS)
        for key in self._popularity:
            self._popularity[key] *= fade
        for act in acts:
            if act.kind == "click":
                self._popularity[act.item] += 1.0


def _visits(seed: int, reader: SimulatedReader, day: int, begins_at: datetime) -> list[datetime]:
    """When the reader comes on this day; Poisson in number, around their usual hour."""
    rng = reader_stream(seed, reader.key, day, "visits")
    count, product, floor = 0, rng.random(), math.exp(-reader.visits_a_day)
    while product > floor:
        count, product = count + 1, product * rng.random()
    hours = sorted(rng.gauss(reader.hour, HOURS_SPREAD) % 24 for _ in range(count))
    return [begins_at + timedelta(hours=hour) for hour in hours]


def _draws(rng: random.Random, pool: Sequence[str]) -> Iterator[str]:
    if pool:
        for _ in range(DRAWS_A_CARD):
            yield pool[int(rng.random() * len(pool))]
