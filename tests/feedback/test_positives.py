from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.positives import RETRIEVER_POSITIVES, find_positives
from feedback.states import HISTORIES, StatesConfig
from tests.factories import NOW
from tests.feedback.visit_logs import LONG_AFTER, at, id_of

LONG_BEFORE = NOW - timedelta(days=400)
DAY_S = 86_400


@dataclass
class Log:
    """What one reader did, by hand: seconds after noon."""

    acts: list[dict[str, Any]] = field(default_factory=list)

    def act(
        self,
        kind: str,
        item: int | None,
        seconds: float,
        *,
        received: float | None = None,
        undone: float | None = None,
        known_until: float | None = None,
        visit: int | None = None,
        **fields: Any,
    ) -> None:
        """known_until: of the slate that it came from."""
        values = {
            "id": len(self.acts) + 1,
            "reader_id": 1,
            "reader_bucket": 7,
            "kind": kind,
            "item_id": item,
            "happened_at": at(seconds),
            "received_at": at(seconds if received is None else received),
            "undo_received_at": None if undone is None else at(undone),
            "imported": False,
            "surface": "direct" if known_until is None else "home",
            "visit_id": None if visit is None else id_of(visit),
            "slate_id": None if known_until is None else id_of(9),
            "known_until": None if known_until is None else at(known_until),
        }
        self.acts.append(values | fields)

    def rows(
        self, *, since: datetime = LONG_BEFORE, until: datetime = LONG_AFTER, config: StatesConfig | None = None
    ) -> list[dict[str, Any]]:
        table = find_positives(pa.Table.from_pylist(self.acts, HISTORIES), since=since, until=until, config=config)
        assert table.schema == RETRIEVER_POSITIVES
        return table.to_pylist()

    def weights(self, *, until: datetime = LONG_AFTER) -> dict[int, float]:
        return {row["item_id"]: row["weight"] for row in self.rows(until=until)}

    def history_of(self, item: int, **options: Any) -> list[int]:
        (row,) = [row for row in self.rows(**options) if row["item_id"] == item]
        return row["history"]


@pytest.fixture
def log() -> Log:
    return Log()


# --- which pairs ---


def test_likes_saves_and_clicks_that_were_read_are_positive(log: Log) -> None:
    for item, kind in enumerate(["like", "save", "click", "outbound", "dismiss", "already_seen"]):
        log.act(kind, item, item)
        log.act("dwell", item, item + 20, dwell_ms=10_000)
    assert log.weights() == {0: 3.0, 1: 3.0, 2: 1.0}


def test_a_bounce_is_no_positive(log: Log) -> None:
    log.act("click", 1, 0)
    log.act("dwell", 1, 20, dwell_ms=9_999)
    assert log.weights() == {}


def test_reading_is_summed_over_the_visit_and_stays_in_it(log: Log) -> None:
    log.act("click", 1, 0, visit=1)
    log.act("dwell", 1, 20, visit=1, dwell_ms=6_000)
    log.act("dwell", 1, 2_500, visit=1, dwell_ms=6_000)
    log.act("click", 2, 0, visit=1)
    log.act("dwell", 2, 20, visit=2, dwell_ms=60_000)
    assert log.weights() == {1: 1.0}


def test_without_a_visit_reading_counts_for_half_an_hour(log: Log) -> None:
    log.act("click", 1, 0)
    log.act("dwell", 1, 1_800, dwell_ms=10_000)
    log.act("click", 2, 0)
    log.act("dwell", 2, 1_801, dwell_ms=10_000)
    assert log.weights() == {1: 1.0}


def test_an_imported_click_was_considered(log: Log) -> None:
    """No dwell comes with a rating of three."""
    log.act("click", 1, 0, imported=True)
    assert log.weights() == {1: 1.0}


def test_there_is_one_a_day_with_the_greatest_weight(log: Log) -> None:
    log.act("click", 1, 0, imported=True)
    log.act("like", 1, 60)
    log.act("click", 1, DAY_S, imported=True)
    assert [(row["weight"], row["happened_at"]) for row in log.rows()] == [(3.0, at(0)), (1.0, at(DAY_S))]


def test_what_was_taken_back_or_refused_the_same_day_is_none(log: Log) -> None:
    log.act("like", 1, 0, undone=90)
    log.act("like", 2, 0)
    log.act("dismiss", 2, 60)
    log.act("like", 3, 0)
    log.act("dismiss", 3, 60, undone=90)
    assert log.weights() == {3: 3.0}
    assert log.weights(until=at(89)) == {1: 3.0}


def test_only_what_was_received_by_until_counts(log: Log) -> None:
    log.act("click", 1, 0)
    log.act("dwell", 1, 20, received=500, dwell_ms=20_000)
    assert log.weights(until=at(499)) == {}
    assert log.weights(until=at(500)) == {1: 1.0}


def test_those_before_since_are_left_out_but_stay_in_states(log: Log) -> None:
    log.act("like", 1, 0)
    log.act("like", 2, 100)
    assert [(row["item_id"], row["history"]) for row in log.rows(since=at(100))] == [(2, [1])]


# --- the state ---


def test_a_state_holds_what_was_known_when_the_slate_was_made(log: Log) -> None:
    log.act("like", 1, 10)
    log.act("like", 2, 20, received=45)
    log.act("like", 3, 35)
    log.act("like", 4, 50, known_until=30)
    assert log.history_of(4) == [1]


def test_without_a_slate_it_holds_what_was_known_before_the_act(log: Log) -> None:
    log.act("like", 1, 10)
    log.act("like", 2, 20, received=45)
    log.act("like", 3, 50)
    log.act("like", 4, 50)
    assert log.history_of(4) == [1, 2]
    assert log.history_of(3) == [1, 2]


def test_a_slate_of_which_only_the_id_is_left_still_bounds_the_state(log: Log) -> None:
    slate_id = (int(at(30).timestamp() * 1000) << 80).to_bytes(16, "big")
    log.act("like", 1, 10)
    log.act("like", 2, 40)
    log.act("like", 3, 50, slate_id=slate_id)
    assert log.history_of(3) == [1]


def test_the_click_that_led_to_a_like_is_not_in_its_state(log: Log) -> None:
    log.act("like", 1, 0)
    log.act("click", 2, 50)
    log.act("like", 2, 60)
    assert log.history_of(2) == [1]


def test_what_was_taken_back_leaves_later_states_only(log: Log) -> None:
    log.act("like", 1, 0, undone=100)
    log.act("like", 2, 50)
    log.act("like", 3, 150)
    assert (log.history_of(2), log.history_of(3)) == ([1], [2])


def test_the_most_recent_come_last_with_their_kinds_and_ages(log: Log) -> None:
    log.act("like", 1, 0)
    log.act("already_seen", 2, 40)
    log.act("search", None, 50, query="owls")
    log.act("save", 3, 100)
    row = log.rows()[-1]
    assert (row["history"], row["history_kinds"], row["history_ages_s"]) == (
        [1, 2],
        ["like", "already_seen"],
        [100, 60],
    )
    assert row["searches"] == ["owls"]


def test_only_the_last_few_are_kept_however_late_some_were_reported(log: Log) -> None:
    for item in range(40):
        log.act("like", item, item, received=5_000 if item > 10 else item)
    log.act("like", 100, 1_000)
    assert log.history_of(100, config=StatesConfig(history_length=3)) == [8, 9, 10]


def test_the_search_that_led_to_a_click_is_left_out_of_its_state(log: Log) -> None:
    log.act("search", None, 0, query="owls", visit=1)
    log.act("search", None, 9_000, query="barn owls", visit=2)
    log.act("like", 1, 9_010, surface="search", known_until=9_005, visit=2)
    log.act("like", 2, 9_020, known_until=9_005, visit=2)
    assert {row["item_id"]: row["searches"] for row in log.rows()} == {1: ["owls"], 2: ["owls", "barn owls"]}


def test_a_slate_that_knew_the_reaction_to_it_is_refused(log: Log) -> None:
    log.act("like", 1, 10, known_until=11)
    with pytest.raises(ValueError, match="came before what their slate claims to have known"):
        log.rows()


def test_ties_in_time_are_broken_by_chance_and_by_the_seed_alone(log: Log) -> None:
    for item in range(30):
        log.act("click", item, 0, imported=True)
    log.act("like", 100, 60)
    first = log.history_of(100)
    assert sorted(first) == list(range(30))
    assert first not in (list(range(30)), list(range(29, -1, -1)))
    assert log.history_of(100) == first
    assert log.history_of(100, config=StatesConfig(seed=1)) != first


def test_a_config_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        StatesConfig(history_length=0)
    with pytest.raises(ValueError, match="seed is -1"):
        StatesConfig(seed=-1)


# --- whatever happens ---


@st.composite
def logs(draw: st.DrawFn) -> Log:
    log = Log()
    for _ in range(draw(st.integers(0, 25))):
        kind = draw(st.sampled_from(["click", "dwell", "like", "dismiss", "search"]))
        seconds = draw(st.integers(0, 3_000))
        log.act(
            kind,
            None if kind == "search" else draw(st.integers(1, 5)),
            seconds,
            reader_id=draw(st.integers(1, 3)),
            received=seconds + draw(st.integers(0, 500)),
            undone=draw(st.none() | st.just(seconds + draw(st.integers(0, 500))))
            if kind in {"like", "dismiss"}
            else None,
            known_until=draw(st.none() | st.just(seconds - draw(st.integers(0, 500)))),
            dwell_ms=12_000 if kind == "dwell" else None,
            query="owls" if kind == "search" else None,
        )
    return log


@settings(max_examples=100, deadline=None)
@given(logs(), st.integers(1, 4))
def test_states_are_what_a_slow_reading_of_the_log_says(log: Log, length: int) -> None:
    for row in log.rows(config=StatesConfig(history_length=length)):
        of_slate = {
            act["slate_id"] is not None
            for act in log.acts
            if (act["item_id"], act["reader_id"], act["happened_at"])
            == (row["item_id"], row["reader_id"], row["happened_at"])
        }
        if len(of_slate) == 2:
            continue  # two reactions in one moment: either may be the first
        known = [
            act
            for act in log.acts
            if act["reader_id"] == row["reader_id"]
            and act["kind"] not in {"dwell", "search"}
            and (act["received_at"] <= row["state_at"] if of_slate == {True} else act["received_at"] < row["state_at"])
            and (act["undo_received_at"] is None or act["undo_received_at"] > row["state_at"])
        ]
        times = sorted((row["state_at"] - act["happened_at"]).total_seconds() for act in known)[:length]
        assert row["history_ages_s"] == times[::-1]
        assert set(row["history"]) <= {act["item_id"] for act in known}
