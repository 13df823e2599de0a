"""A run: readers who use a site day by day, in the order of simulated time. It can be stopped, and goes on by day."""

from __future__ import annotations

import heapq
import json
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from simulation.browser import SOON, Steps
from simulation.clocks import Clock
from simulation.eyes import Eyes
from simulation.offer import WorldItem
from simulation.people import Connect, Person, people_of, visit_of, visit_times
from simulation.visit import LONGEST, Told
from simulation.worlds import World

DAY = timedelta(days=1)
IDLE = timedelta(minutes=31)
"""Between two visits of one person: after 30 idle minutes a site takes it for another sitting."""
STATE, TRUTH = "state.json", "readers-truth.jsonl"

logger = logging.getLogger(__name__)


class OtherRun(ValueError):
    """The folder holds another run."""


@dataclass(frozen=True)
class RunOptions:
    """began: when day 0 begins.  folder: of state and truth, which the site never sees; None keeps nothing.

    num_days: how many days the run may have in all; who arrives on which day does not depend on it.
    report_after: as of `Browser`; a longer one makes long runs cheaper, by fewer and larger reports.
    """

    seed: int
    world: World
    num_readers: int
    num_days: int
    began: datetime
    folder: Path | None = None
    report_after: timedelta = SOON

    def fingerprint(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "world": self.world.name,
            "readers": self.num_readers,
            "began": self.began.isoformat(),
            "report_after_s": self.report_after.total_seconds(),
        }


def first_day(folder: Path) -> datetime | None:
    """When the run that the folder holds began; None where it holds none."""
    state = _read_state(folder)
    return None if state is None else datetime.fromisoformat(state["run"]["began"])


class Run:
    """items: of the world, with their truth.  connect: makes a way to the site."""

    def __init__(self, options: RunOptions, *, items: Iterable[WorldItem], connect: Connect, clock: Clock) -> None:
        """Goes on where the folder's state ends. Raises OtherRun."""
        self._options = options
        self._clock = clock
        self._eyes = Eyes(options.seed, items)
        self._people = people_of(options.seed, options.world, options.num_readers, options.num_days, connect)
        self.next_day = self._restore()

    def days(self, on_visit: Callable[[], None] = lambda: None) -> Iterable[list[Told]]:
        """Play the days that are left, one by one; what a day left behind is kept before it is told."""
        self._begin()
        while self.next_day < self._options.num_days:
            told = self.play_day(self.next_day, on_visit)
            self.next_day += 1
            self._keep(told)
            logger.info(summary(self.next_day, told))
            yield told

    def expected_visits(self) -> float:
        """How many visits the days that are left have, about."""
        left = range(self.next_day, self._options.num_days)
        return sum(
            person.reader.visits_a_day * person.memory.loyalty
            for day in left
            for person in self._people
            if day >= person.arrives
        )

    def play_day(self, day: int, on_visit: Callable[[], None] = lambda: None) -> list[Told]:
        """Every visit of that day; requests of all of them in the order of their times."""
        begins_at = self._options.began + day * DAY
        told: list[Told] = []
        going: list[tuple[datetime, int, Steps[None]]] = []
        for number, person in enumerate(self._people):
            times = visit_times(self._options.seed, person, day, begins_at)
            steps = self._visits(person, day, times, told, on_visit)
            _go_on(going, number, steps, None)
        heapq.heapify(going)
        while going:
            moment, number, steps = heapq.heappop(going)
            _go_on(going, number, steps, moment)
        told.sort(key=lambda one: (one.began, one.reader))
        return told

    def _visits(
        self, person: Person, day: int, times: list[datetime], told: list[Told], on_visit: Callable[[], None]
    ) -> Steps[None]:
        options = self._options
        last = options.began + (day + 1) * DAY - LONGEST
        for number, time in enumerate(times):
            now = max(time, person.free_at or time)
            if now > last:
                return
            visit = visit_of(
                seed=options.seed,
                world=options.world,
                person=person,
                eyes=self._eyes,
                clock=self._clock,
                day=day,
                number=number,
                now=now,
                report_after=options.report_after,
            )
            played = yield from visit
            told.append(played)
            person.free_at = played.ended + IDLE
            on_visit()

    # --- what is kept ---

    def _restore(self) -> int:
        if self._options.folder is None:
            return 0
        state = _read_state(self._options.folder)
        if state is None:
            return 0
        if state["run"] != self._options.fingerprint():
            raise OtherRun(
                f"{self._options.folder} holds another run ({_in_words(state['run'])}); "
                f"this is {_in_words(self._options.fingerprint())}. Name another folder, or remove that one."
            )
        for person in self._people:
            if person.reader.key in state["people"]:
                person.restore(state["people"][person.reader.key])
        return int(state["days"])

    def _keep(self, told: list[Told]) -> None:
        """The day's visits first, its state last: a day that was cut off is played again, and told once. The site has
        what was done on it before all the same."""
        folder = self._options.folder
        if folder is None:
            return
        lines = "".join(json.dumps(one.as_json()) + "\n" for one in told)
        _replace(folder / f"visits-{self.next_day:04}.jsonl", lines)
        self._keep_state(folder)

    def _keep_state(self, folder: Path) -> None:
        people = {person.reader.key: person.as_json() for person in self._people if person.arrives < self.next_day}
        state = {"run": self._options.fingerprint(), "days": self.next_day, "people": people}
        _replace(folder / STATE, json.dumps(state))

    def _begin(self) -> None:
        """What is known before the first day is over, too: on which day that is, and what readers are like."""
        folder = self._options.folder
        if folder is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        lines = [{**person.reader.hidden, "arrives": person.arrives} for person in self._people]
        _replace(folder / TRUTH, "".join(json.dumps(line) + "\n" for line in lines))
        if self.next_day == 0:
            self._keep_state(folder)


def summary(day: int, told: list[Told]) -> str:
    """One line about a day."""
    utilities = [value for one in told for value in one.utilities]
    mean = sum(utilities) / len(utilities) if utilities else 0.0
    opened, dismissed = sum(len(one.opened) for one in told), sum(len(one.dismissed) for one in told)
    looked = sum(one.looked_at for one in told)
    return (
        f"day {day}: {len(told):,} visits, {looked:,} cards looked at, {opened:,} opened, {dismissed:,} dismissed; "
        f"mean utility of the first slots {mean:.4f}"
    )


def _go_on(
    going: list[tuple[datetime, int, Steps[None]]], number: int, steps: Steps[None], moment: datetime | None
) -> None:
    """One step further; who has not ended waits for the next moment."""
    try:
        upcoming = next(steps) if moment is None else steps.send(moment)
    except StopIteration:
        return
    heapq.heappush(going, (upcoming, number, steps))


def _read_state(folder: Path) -> dict[str, Any] | None:
    path = folder / STATE
    if not path.exists():
        return None
    state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return state


def _replace(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


def _in_words(run: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in run.items())
