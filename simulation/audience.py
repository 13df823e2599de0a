"""An audience in real time: a few readers who come again and again, as people do, for as long as the site is there."""

from __future__ import annotations

import heapq
import json
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from simulation.browser import SiteRefused, Steps
from simulation.clocks import NoClock
from simulation.draws import reader_stream
from simulation.eyes import Eyes
from simulation.offer import WorldItem
from simulation.pages import PageNotUnderstood
from simulation.people import Connect, Person, people_of, visit_of
from simulation.worlds import World

MINUTE = timedelta(minutes=1)
REFUSED_PAUSE = timedelta(seconds=30)
"""After a page that did not come."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AudienceOptions:
    """visits_a_minute: of all readers together, on average.  state: a file of cookies and memories."""

    seed: int
    world: World
    num_readers: int
    visits_a_minute: float
    state: Path


class Audience:
    """now: tells the time.  wait_until: returns then, or earlier with True when it is all over."""

    def __init__(
        self,
        options: AudienceOptions,
        *,
        items: Iterable[WorldItem],
        connect: Connect,
        now: Callable[[], datetime],
        wait_until: Callable[[datetime], bool],
    ) -> None:
        self._options = options
        self._eyes = Eyes(options.seed, items)
        self._now = now
        self._wait_until = wait_until
        self._people = people_of(options.seed, options.world, options.num_readers, 1, connect)
        self._pauses = _mean_pauses(self._people, options.visits_a_minute)
        self._restore()

    def live(self) -> None:
        """Until it is over."""
        upcoming: list[tuple[datetime, int, Steps[None]]] = []
        for number in range(len(self._people)):
            self._begin(upcoming, number, self._now())
        while upcoming:
            moment, number, life = heapq.heappop(upcoming)
            if self._wait_until(moment):
                return
            try:
                heapq.heappush(upcoming, (life.send(max(moment, self._now())), number, life))
            except (SiteRefused, PageNotUnderstood) as error:
                logger.warning("%s gave up a visit: %s", self._people[number].reader.key, error)
                self._begin(upcoming, number, self._now() + REFUSED_PAUSE)

    def _begin(self, upcoming: list[tuple[datetime, int, Steps[None]]], number: int, now: datetime) -> None:
        life = self._life(self._people[number], self._pauses[number], now)
        heapq.heappush(upcoming, (next(life), number, life))

    def _life(self, person: Person, mean_pause: timedelta, now: datetime) -> Steps[None]:
        """Pauses of chance, and between them visits."""
        options = self._options
        while True:
            luck = reader_stream(options.seed, person.reader.key, now.toordinal(), f"pause {now.isoformat()}")
            now = yield now + mean_pause * luck.expovariate(1.0)
            now = now.replace(microsecond=now.microsecond // 1000 * 1000)
            told = yield from visit_of(
                seed=options.seed,
                world=options.world,
                person=person,
                eyes=self._eyes,
                clock=NoClock(),
                day=now.toordinal(),
                number=(now - now.replace(hour=0, minute=0, second=0, microsecond=0)) // timedelta(milliseconds=1),
                now=now,
            )
            now = told.ended
            self._keep()
            logger.info(
                "%s: %d cards looked at, %d opened, %d dismissed",
                person.reader.key,
                told.looked_at,
                len(told.opened),
                len(told.dismissed),
            )

    def _restore(self) -> None:
        """What cannot be read is begun anew: these are then other visitors, and nobody misses them."""
        try:
            kept = json.loads(self._options.state.read_text(encoding="utf-8"))
            for person in self._people:
                if person.reader.key in kept:
                    person.restore(kept[person.reader.key])
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError) as error:
            logger.warning("%s cannot be read (%r); the audience begins anew", self._options.state, error)

    def _keep(self) -> None:
        path = self._options.state
        unfinished = path.with_name(f".{path.name}.new")
        unfinished.write_text(json.dumps({one.reader.key: one.as_json() for one in self._people}), encoding="utf-8")
        os.replace(unfinished, path)


def _mean_pauses(people: Sequence[Person], visits_a_minute: float) -> list[timedelta]:
    """Who comes often in a day comes often here; together they make so many visits a minute."""
    everybody = sum(person.reader.visits_a_day for person in people)
    return [MINUTE * (everybody / person.reader.visits_a_day / visits_a_minute) for person in people]
