from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from benchmarks.freshness import measured, report
from benchmarks.freshness_results import Pages, SizeMeasured, Waits, during

SIZE = SizeMeasured(
    items=100_000,
    promoted=Waits.of([2.5, 1.0, 1.5]),
    rolled_back=Waits.of([0.5, 0.4]),
    published=Waits.of([3.0]),
    usual=Pages.of([10] * 100),
    swapping=Pages.of([15] * 100),
)


def test_waits_name_the_first_the_usual_and_the_longest() -> None:
    assert Waits.of([2.0, 1.0, 4.0]) == Waits(first=2.0, median=2.0, longest=4.0)


@pytest.mark.parametrize(
    ("asked", "counts"),
    [((0.0, 900), False), ((0.0, 1_100), True), ((1.5, 100), True), ((1.9, 900), True), ((2.0, 100), False)],
    ids=["over before", "reaches into it", "within", "begun within", "begun after"],
)
def test_a_page_counts_that_was_under_way_in_a_span(asked: tuple[float, float], counts: bool) -> None:
    assert bool(during([asked], [(1.0, 2.0)])) is counts


def test_every_goal_is_judged_by_the_longest_wait() -> None:
    assert [goal.met for goal in report(1, [SIZE]).goals] == [True] * 4
    late = replace(SIZE, promoted=Waits.of([1.0, 3.1]))
    assert [goal.met for goal in report(1, [late]).goals] == [False, True, True, True]


def test_a_million_items_are_printed_and_not_judged() -> None:
    both = report(1, [SIZE, replace(SIZE, items=1_000_000)])
    assert len(both.goals) == 4
    assert "1,000,000" in both.text()


def test_what_a_size_prints_is_read_back() -> None:
    assert measured(asdict(SIZE)) == SIZE
