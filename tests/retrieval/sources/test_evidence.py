from __future__ import annotations

import numpy as np
import pytest

from retrieval.ids import IdMap
from retrieval.sources.evidence import Evidence
from tests.retrieval.sources.states import reader_of

ITEMS = IdMap(np.array([10, 11, 12, 13]))
EVIDENCE = Evidence(last_items=3, recency=0.5)


def test_the_most_recent_item_stands_first_and_counts_most() -> None:
    rows, weights, shares = EVIDENCE.of(reader_of([10, 11, 12]), ITEMS)
    assert rows.tolist() == [2, 1, 0]
    assert weights.tolist() == [1.0, 1.0, 1.0]
    assert shares.tolist() == [1.0, 0.5, 0.25]


def test_only_the_last_items_count() -> None:
    rows, _, _ = EVIDENCE.of(reader_of([10, 11, 12, 13]), ITEMS)
    assert rows.tolist() == [3, 2, 1]


def test_an_unknown_item_takes_nobodys_place() -> None:
    rows, _, shares = EVIDENCE.of(reader_of([10, 11, 99, 12, 98]), ITEMS)
    assert rows.tolist() == [2, 1, 0]
    assert shares.tolist() == [1.0, 0.5, 0.25]


def test_an_item_counts_once_at_its_last_moment_by_what_says_most() -> None:
    rows, weights, shares = EVIDENCE.of(reader_of([10, 11, 10], ["like", "click", "click"]), ITEMS)
    assert rows.tolist() == [0, 1]
    assert weights.tolist() == [3.0, 1.0]
    assert shares.tolist() == [1.0, 0.5]


@pytest.mark.parametrize("kind", ["dismiss", "already_seen", "dwell"])
def test_kinds_that_are_no_choice_say_nothing(kind: str) -> None:
    rows, _, _ = EVIDENCE.of(reader_of([10, 11], ["click", kind]), ITEMS)
    assert rows.tolist() == [0]


def test_dismissing_takes_back_an_earlier_click_but_not_a_later_one() -> None:
    earlier, _, _ = EVIDENCE.of(reader_of([10, 11, 10], ["click", "click", "dismiss"]), ITEMS)
    later, _, _ = EVIDENCE.of(reader_of([10, 11, 10], ["dismiss", "click", "click"]), ITEMS)
    assert earlier.tolist() == [1]
    assert later.tolist() == [0, 1]


def test_having_seen_an_item_does_not_take_back_the_click() -> None:
    rows, _, _ = EVIDENCE.of(reader_of([10, 10], ["click", "already_seen"]), ITEMS)
    assert rows.tolist() == [0]


def test_nothing_comes_of_nothing() -> None:
    assert [len(column) for column in EVIDENCE.of(reader_of([]), ITEMS)] == [0, 0, 0]


def test_a_config_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="recency"):
        Evidence(last_items=3, recency=0.0)
    with pytest.raises(ValueError, match="last_items"):
        Evidence(last_items=0, recency=1.0)
    with pytest.raises(ValueError, match="above 0"):
        Evidence(last_items=3, recency=1.0, kind_weights=(("click", 0.0),))
    with pytest.raises(ValueError, match="twice"):
        Evidence(last_items=3, recency=1.0, kind_weights=(("click", 1.0), ("click", 2.0)))
    with pytest.raises(ValueError, match="dismiss"):
        Evidence(last_items=3, recency=1.0, kind_weights=(("dismiss", 1.0),))
