"""What may go live: every rule with a number on each side of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from recsite.training.gate import (
    Change,
    Comparison,
    Difference,
    Learned,
    Limits,
    Live,
    Outcome,
    Shape,
    Window,
    judge,
)
from tests.factories import NOW

DAY = timedelta(days=1)
LIMITS = Limits()
LIVE = Live(
    trained_until=NOW - 3 * DAY,
    order=Difference(0.01, -0.005, 0.03),
    shape=Shape(coverage=0.4, overlap=0.2),
    learned=Learned(positives=10_000, readers=500, items=1_000),
    retrieval=Difference(0.0, -0.02, 0.02),
    feed=Difference(0.0, -0.05, 0.05),
    promoted_at=NOW - DAY,
)


def comparison(change: Change, live: Live | None, **changed: Any) -> Comparison:
    fields: dict[str, Any] = {
        "change": change,
        "now": NOW,
        "trained_until": NOW - DAY,
        "window": Window(NOW - DAY, NOW, readers=300, positives=1_000, unprompted=100),
        "to_popularity": Difference(0.2, 0.1, 0.3),
        "shape": Shape(coverage=0.4, overlap=0.2),
        "learned": Learned(positives=11_000, readers=510, items=1_010),
        "latency_p99_ms": 30.0,
        "size_mib": 50.0,
        "live": live,
        "new_retriever": change != Change.RERANKER,
    }
    return Comparison(**fields | changed)


def first(**changed: Any) -> Comparison:
    return comparison(Change.FIRST, None, **changed)


def routine(**changed: Any) -> Comparison:
    return comparison(Change.ROUTINE, replace(LIVE, **changed))


def outcome(found: Comparison) -> Outcome:
    return judge(found, LIMITS).outcome


def reason(found: Comparison) -> str:
    verdict = judge(found, LIMITS)
    assert verdict.outcome == Outcome.REFUSE
    return " ".join(verdict.reasons)


@pytest.mark.parametrize(("lower", "expected"), [(0.001, Outcome.PROMOTE), (0.0, Outcome.REFUSE)])
def test_the_first_release_must_beat_popularity_for_certain(lower: float, expected: Outcome) -> None:
    assert outcome(first(to_popularity=Difference(0.1, lower, 0.2))) == expected


@pytest.mark.parametrize(
    ("change", "passes", "fails"),
    [
        (Change.ROUTINE, -0.029, -0.03),
        (Change.RERANKER, -0.009, -0.01),
        (Change.CONFIG, 0.001, 0.0),
    ],
)
def test_the_lower_bound_against_the_live_release_decides_by_what_changed(
    change: Change, passes: float, fails: float
) -> None:
    bounds = {Outcome.PROMOTE: passes, Outcome.REFUSE: fails}
    for expected, lower in bounds.items():
        assert outcome(comparison(change, replace(LIVE, order=Difference(0.02, lower, 0.05)))) == expected


@pytest.mark.parametrize(("field", "count"), [("readers", 299), ("positives", 999), ("unprompted", 99)])
def test_with_too_few_to_measure_on_nothing_is_decided_however_good_it_looks(field: str, count: int) -> None:
    few = routine()
    few = replace(few, window=replace(few.window, **{field: count}))
    assert outcome(few) == Outcome.UNDECIDED
    assert f"{count}" in judge(few, LIMITS).why


def test_the_end_of_an_imported_history_is_measured_on_however_little_it_holds() -> None:
    few = replace(first().window, readers=9, positives=30)
    assert outcome(first(window=few)) == Outcome.UNDECIDED
    assert outcome(first(window=replace(few, of_history=True))) == Outcome.PROMOTE


@pytest.mark.parametrize("change", [Change.FIRST, Change.RERANKER])
def test_positives_beside_the_feed_are_needed_only_where_a_retriever_is_judged_against_another(change: Change) -> None:
    found = comparison(change, None if change == Change.FIRST else LIVE)
    assert outcome(replace(found, window=replace(found.window, unprompted=0))) == Outcome.PROMOTE


def test_nothing_is_measured_on_what_either_release_had_seen() -> None:
    assert outcome(routine(trained_until=NOW - DAY + timedelta(seconds=1))) == Outcome.UNDECIDED
    assert outcome(routine(trained_until=NOW - DAY)) == Outcome.PROMOTE
    assert outcome(replace(routine(), trained_until=NOW)) == Outcome.UNDECIDED


def test_retrieval_that_finds_less_of_what_the_feed_did_not_cause_is_refused_however_good_the_order() -> None:
    found = routine(order=Difference(0.5, 0.4, 0.6), retrieval=Difference(-0.05, -0.08, -0.02))
    assert "did not cause" in reason(found)


def test_feed_clicks_veto_only_what_is_lost_for_certain_and_never_speak_for_a_candidate() -> None:
    assert outcome(routine(feed=Difference(-0.12, -0.3, -0.09))) == Outcome.PROMOTE
    assert "clicked in the feed" in reason(routine(feed=Difference(-0.2, -0.3, -0.11)))
    worse = routine(order=Difference(-0.1, -0.2, -0.05), feed=Difference(0.9, 0.8, 1.0))
    assert outcome(worse) == Outcome.REFUSE


def test_small_losses_do_not_add_up_over_a_month() -> None:
    assert "30 days ago" in reason(replace(routine(), to_month=Difference(-0.04, -0.06, -0.02)))
    assert outcome(replace(routine(), to_month=Difference(-0.01, -0.029, 0.01))) == Outcome.PROMOTE


def test_a_collapse_of_variety_is_refused() -> None:
    assert "Coverage collapses" in reason(replace(routine(), shape=Shape(coverage=0.19, overlap=0.2)))
    assert "Readers become alike" in reason(replace(routine(), shape=Shape(coverage=0.4, overlap=0.46)))
    assert "share 95%" in reason(first(shape=Shape(coverage=0.4, overlap=0.95)))


@pytest.mark.parametrize("field", ["positives", "readers", "items"])
def test_data_that_shrank_without_a_reason_is_refused(field: str) -> None:
    shrunk = replace(LIVE.learned, **{field: getattr(LIVE.learned, field) * 79 // 100})
    assert f"{field}, the live release" in reason(replace(routine(), learned=shrunk))
    verdict = judge(replace(routine(), learned=shrunk, why_less_data="An importer was removed."), LIMITS)
    assert verdict.outcome == Outcome.PROMOTE
    assert "An importer was removed." in verdict.why


def test_a_candidate_that_serves_otherwise_than_it_was_measured_or_is_slow_or_large_is_refused_for_each() -> None:
    found = first(served=20, served_differently=2, latency_p99_ms=900.0, size_mib=9_000.0)
    verdict = judge(found, LIMITS)
    assert (verdict.outcome, len(verdict.reasons)) == (Outcome.REFUSE, 3)
    assert "2 of 20 readers" in verdict.why


def test_a_newer_ranker_waits_six_hours_after_a_promotion_unless_the_live_release_is_in_alarm() -> None:
    recent = replace(LIVE, promoted_at=NOW - timedelta(hours=5))
    assert outcome(comparison(Change.RERANKER, recent)) == Outcome.UNDECIDED
    assert outcome(comparison(Change.RERANKER, replace(recent, alarm="It loses to popularity."))) == Outcome.PROMOTE
    assert outcome(comparison(Change.RERANKER, LIVE)) == Outcome.PROMOTE
    assert outcome(comparison(Change.ROUTINE, recent)) == Outcome.PROMOTE


def test_a_verdict_keeps_the_limits_that_it_was_held_against() -> None:
    verdict = judge(first(), replace(LIMITS, readers=50)).as_json()
    assert (verdict["outcome"], verdict["limits"]["readers"]) == ("promote", 50)
    assert verdict["limits"]["between_rerankers"] == "6 h"


def test_first_and_live_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="where none is live"):
        judge(comparison(Change.FIRST, LIVE), LIMITS)
