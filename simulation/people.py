"""The people of a run: who is there on which day, when they come, and what their browsers keep from day to day."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import httpx

from simulation.browser import SOON, Browser, Steps
from simulation.clocks import Clock
from simulation.draws import chance, reader_stream
from simulation.event_queue import EventQueue
from simulation.eyes import Eyes
from simulation.minds import Memory
from simulation.readers import SimulatedReader, draw_reader
from simulation.visit import Told, Visit, begins, columns_of
from simulation.worlds import World

HOURS_SPREAD = 2.5
MOST_VISITS_A_DAY = 12

Connect = Callable[[], httpx.Client]
"""Makes a client of the site, without cookies."""


@dataclass
class Person:
    """arrives: the first day on which they may come.  client: their cookie jar and their way to the site.
    free_at: what they did before it would belong to their last visit; None before the first."""

    reader: SimulatedReader
    arrives: int
    client: httpx.Client
    memory: Memory = field(default_factory=Memory)
    queue: EventQueue = field(default_factory=EventQueue)
    free_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        cookies = [[one.name, one.value, one.domain, one.path] for one in self.client.cookies.jar]
        return {
            "cookies": cookies,
            "memory": self.memory.as_json(),
            "queue": self.queue.as_json(),
            "free_at": None if self.free_at is None else self.free_at.isoformat(),
        }

    def restore(self, kept: dict[str, Any]) -> None:
        for name, value, domain, path in kept["cookies"]:
            self.client.cookies.set(name, value, domain=domain, path=path)
        self.memory = Memory.from_json(kept["memory"])
        self.queue = EventQueue.from_json(kept["queue"])
        free_at = kept.get("free_at")  # older states do not say it
        self.free_at = None if free_at is None else datetime.fromisoformat(free_at)


def people_of(seed: int, world: World, num_readers: int, num_days: int, connect: Connect) -> list[Person]:
    """Those of the first day, and those who hear of the site later, up to day `num_days`."""
    a_day = round(num_readers * world.readers.new_share_a_day)
    arrivals = [0] * num_readers + [day for day in range(1, num_days) for _ in range(a_day)]
    return [Person(draw_reader(seed, index), arrives, connect()) for index, arrives in enumerate(arrivals)]


def visit_times(seed: int, person: Person, day: int, day_begins_at: datetime) -> list[datetime]:
    """When somebody comes on this day: Poisson in number around their usual hour, at least once when they are new."""
    if day < person.arrives:
        return []
    reader = person.reader
    count = _poisson(chance(seed, reader.key, day, "", "visits"), reader.visits_a_day * person.memory.loyalty)
    is_new = day == person.arrives and day > 0
    rng = reader_stream(seed, reader.key, day, "hours")
    hours = [rng.gauss(reader.hour, HOURS_SPREAD) % 24 for _ in range(MOST_VISITS_A_DAY)]
    return [begins(day_begins_at, hour) for hour in sorted(hours[: max(count, int(is_new))])]


def visit_of(
    *,
    seed: int,
    world: World,
    person: Person,
    eyes: Eyes,
    clock: Clock,
    day: int,
    number: int,
    now: datetime,
    report_after: timedelta = SOON,
) -> Steps[Told]:
    """One visit of this person, from `now` on. report_after: as of `Browser`."""
    reader = person.reader
    browser = Browser(
        person.client,
        clock,
        now=now,
        new_id=_ids(f"{seed}/{reader.key}/{day}/{number}").__next__,
        luck=reader_stream(seed, reader.key, day, f"browser {number}"),
        languages=reader.languages,
        columns=columns_of(seed, reader, world),
        queue=person.queue,
        report_after=report_after,
    )
    visit = Visit(
        seed=seed,
        world=world,
        reader=reader,
        memory=person.memory,
        eyes=eyes,
        browser=browser,
        day=day,
        number=number,
    )
    return (yield from visit.play())


def _ids(key: str) -> Iterator[str]:
    """Ids of events, the same ones in every run of a seed."""
    number = 0
    while True:
        digest = blake2b(f"{key}/event {number}".encode(), digest_size=16).digest()
        yield str(uuid.UUID(bytes=digest, version=4))
        number += 1


def _poisson(luck: float, mean: float) -> int:
    """The number at which the distribution reaches `luck`: who comes more often comes on the same days, and on more."""
    count, term = 0, math.exp(-mean)
    reached = term
    while luck >= reached and count < MOST_VISITS_A_DAY:
        count += 1
        term *= mean / count
        reached += term
    return count
