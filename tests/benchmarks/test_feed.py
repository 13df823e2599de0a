from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from benchmarks.feed import measured, report
from benchmarks.feed_results import FunctionMs, HttpMs, Memory, SizeMeasured

FUNCTION = FunctionMs.of(
    [10, 11, 12], [[1, 3], [2, 3], [3, 3]], ["query tower", "predict"], candidates=800, slate_bytes=9_000
)
SIZE = SizeMeasured(
    items=100_000,
    dim=128,
    function=FUNCTION,
    one_at_a_time=HttpMs(500, 30, 90, 33),
    eight_at_once=HttpMs(500, 90, 200, 80),
    memory=Memory(resident=280, own=200, peak=400),
)


def test_bare_calls_are_summed_page_by_page() -> None:
    assert (FUNCTION.p50, FUNCTION.bare_p50) == (11, 5)
    assert FUNCTION.parts_p50 == {"query tower": 2, "predict": 3}
    assert (FUNCTION.ratio, FUNCTION.above_ms) == (2.2, 6)


def test_pages_a_second_are_counted_from_the_first_question_to_the_last_answer() -> None:
    http = HttpMs.of([(100.0, 500), (100.5, 1_500), (101.0, 500)])
    assert http.pages_per_second == pytest.approx(1.5)
    assert http.p50 == 500


@pytest.mark.parametrize(
    ("p50", "bare_p50", "is_met"),
    [(12.9, 5, True), (13.1, 5, False), (39, 20, True), (41, 20, False)],
    ids=["8 ms above", "more than 8 ms above", "twice", "more than twice"],
)
def test_the_function_may_take_twice_as_long_or_8_ms_more(p50: float, bare_p50: float, is_met: bool) -> None:
    slower = replace(SIZE, function=replace(FUNCTION, p50=p50, bare_p50=bare_p50))
    assert report(1, [slower]).goals[0].met is is_met


def test_memory_is_judged_at_100_000_items_only() -> None:
    goals = report(1, [SIZE, replace(SIZE, items=1_000_000)]).goals
    assert [goal.name for goal in goals if "MiB" in goal.name] == ["100,000 items: MiB resident in a web process"]


def test_what_a_size_prints_is_read_back() -> None:
    assert measured(asdict(SIZE)) == SIZE


def test_the_table_names_every_bare_call() -> None:
    text = report(1, [SIZE]).text()
    assert "query tower" in text
    assert "predict" in text
