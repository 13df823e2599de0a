"""States of readers at moments that nobody reacted in."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from feedback.states import HISTORIES, STATES, StatesConfig, find_states
from tests.feedback.test_positives import Log
from tests.feedback.visit_logs import at

CONFIG = StatesConfig(history_length=3, num_searches=2)


def states(log: Log, *moments: float, reader: int = 1) -> list[dict[str, Any]]:
    asked = pa.table(
        {
            "reader_id": [reader] * len(moments),
            "state_at": pa.array(map(at, moments), HISTORIES.field("happened_at").type),
        }
    )
    found = find_states(pa.Table.from_pylist(log.acts, HISTORIES), asked, CONFIG)
    assert found.schema == STATES
    return found.to_pylist()


def test_a_state_holds_what_was_known_in_its_very_moment() -> None:
    """A slate says itself what it knew: no event of that moment is the one that is asked about."""
    log = Log()
    log.act("click", 1, 0)
    log.act("like", 2, 10, received=30)
    assert [state["history"] for state in states(log, -1, 0, 29, 30)] == [[], [1], [1], [1, 2]]
    assert states(log, 30)[0]["history_ages_s"] == [30.0, 20.0]


def test_what_was_taken_back_was_known_until_then() -> None:
    log = Log()
    log.act("like", 1, 0, undone=60)
    assert [state["history"] for state in states(log, 59, 60)] == [[1], []]


def test_the_last_things_are_kept_in_the_order_in_which_moments_are_asked() -> None:
    log = Log()
    for second in range(6):
        log.act("save", second, second)
        log.act("search", None, second, query=f"words {second}")
    later, earlier = states(log, 100, 2)
    assert (later["history"], earlier["history"]) == ([3, 4, 5], [0, 1, 2])
    assert (later["searches"], earlier["searches"]) == (["words 4", "words 5"], ["words 1", "words 2"])


def test_somebody_without_a_history_has_an_empty_state() -> None:
    log = Log()
    log.act("like", 1, 0)
    assert states(log, 5, reader=-1) == [{"history": [], "history_kinds": [], "history_ages_s": [], "searches": []}]
    assert states(Log(), 5)[0]["history"] == []
