from __future__ import annotations

import pytest

from recsite.source_watch import SourceWatch


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def ask(watch: SourceWatch, clock: Clock, source: str, seconds: float) -> None:
    with watch.timed(source):
        clock.at += seconds


def fail_slowly(watch: SourceWatch, clock: Clock) -> None:
    with watch.timed("walk"):
        clock.at += 2
        raise KeyError


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock) -> SourceWatch:
    return SourceWatch(budget_s=1, strikes=2, rest_s=10, timer=clock)


def test_a_source_that_keeps_being_slow_rests_and_is_then_asked_again(watch: SourceWatch, clock: Clock) -> None:
    ask(watch, clock, "walk", 2)
    assert watch.resting() == frozenset()
    ask(watch, clock, "walk", 2)
    assert watch.resting() == {"walk"}
    clock.at += 10
    assert watch.resting() == frozenset()


def test_one_slow_answer_between_quick_ones_is_forgiven(watch: SourceWatch, clock: Clock) -> None:
    for seconds in (2, 0.5, 2, 0.5):
        ask(watch, clock, "walk", seconds)
    assert watch.resting() == frozenset()


def test_sources_are_judged_apart_and_an_error_is_passed_on(watch: SourceWatch, clock: Clock) -> None:
    for source in ("walk", "towers"):
        ask(watch, clock, source, 2)
    with pytest.raises(KeyError):
        fail_slowly(watch, clock)
    assert watch.resting() == {"walk"}
