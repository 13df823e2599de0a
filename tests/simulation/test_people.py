from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from simulation.people import people_of, visit_times
from simulation.visit import LONGEST
from simulation.worlds import load_world

WORLD = load_world("default")
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def client() -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)), base_url="http://site")


def test_new_readers_come_every_day_and_a_longer_run_begins_with_a_shorter_one() -> None:
    people = people_of(1, WORLD, 100, 4, client)
    assert Counter(person.arrives for person in people) == {0: 100, 1: 2, 2: 2, 3: 2}
    longer = people_of(1, WORLD, 100, 6, client)
    assert [person.reader for person in longer[: len(people)]] == [person.reader for person in people]


def test_readers_come_as_often_as_is_their_nature_and_newcomers_at_once() -> None:
    people = people_of(1, WORLD, 300, 3, client)
    visits = [len(visit_times(1, person, 0, MIDNIGHT)) for person in people if person.arrives == 0]
    expected = sum(person.reader.visits_a_day for person in people if person.arrives == 0)
    assert sum(visits) == pytest.approx(expected, rel=0.15)
    late = [person for person in people if person.arrives == 2]
    assert [visit_times(1, person, 1, MIDNIGHT) for person in late] == [[]] * len(late)
    assert all(visit_times(1, person, 2, MIDNIGHT) for person in late)


def test_who_is_more_loyal_comes_at_the_same_times_and_at_more() -> None:
    (person,) = people_of(1, WORLD, 1, 1, client)
    often = 0
    for day in range(60):
        person.memory.loyalty = 1.0
        before = visit_times(1, person, day, MIDNIGHT)
        person.memory.loyalty = 2.0
        after = visit_times(1, person, day, MIDNIGHT)
        assert set(before) <= set(after)
        often += len(after) > len(before)
    assert often > 5


def test_every_visit_can_end_on_its_day() -> None:
    people = people_of(1, WORLD, 200, 1, client)
    times = [time for person in people for time in visit_times(1, person, 0, MIDNIGHT)]
    assert min(times) >= MIDNIGHT
    assert max(times) <= MIDNIGHT + timedelta(days=1) - LONGEST
