from __future__ import annotations

import numpy as np
import pytest

from ranking.caps import NO_CAPS, CapCounts, Caps, cap_keys_of
from ranking.request import NONE
from tests.ranking.small_requests import four_items


def test_a_topic_or_an_author_that_is_full_lets_nothing_more_in() -> None:
    counts = CapCounts(Caps(per_topic=2, per_author=1))
    assert counts.allow((1, 8))
    assert counts.add((1, 8))  # fills the author
    assert not counts.allow((2, 8))
    assert counts.allow((1, 9))
    counts.add((1, 9))
    assert not counts.allow((1, 7))
    assert counts.allow((2, 7))


def test_having_no_topic_and_no_author_fills_nothing() -> None:
    counts = CapCounts(Caps(1, 1))
    for _ in range(3):
        assert not counts.add((NONE, NONE))
    assert counts.allow((NONE, NONE))


def test_without_a_bound_nothing_fills() -> None:
    counts = CapCounts(NO_CAPS)
    assert not counts.add((1, 1))
    assert counts.allow((1, 1))


def test_many_at_once_are_judged_as_one_by_one() -> None:
    counts = CapCounts(Caps(2, 1))
    for shown in ((1, 1), (1, 2), (3, 3)):
        counts.add(shown)
    keys = [(topic, author) for topic in (NONE, 1, 2, 3) for author in (NONE, 1, 2, 3, 4)]
    assert counts.allowed(np.array(keys)).tolist() == [counts.allow(each) for each in keys]
    assert counts.allowed(np.empty((0, 2), np.int64)).tolist() == []


def test_lifted_caps_hold_nothing_from_then_on() -> None:
    counts = CapCounts(Caps(1, 1))
    counts.add((1, 1))
    counts.lift()
    assert counts.allow((1, 1))
    assert not counts.add((1, 1))
    assert counts.allow((1, 1))


def test_earlier_pages_count_only_for_caps_of_the_whole_visit() -> None:
    assert CapCounts(Caps(1), [(5, NONE)]).allow((5, NONE))
    assert not CapCounts(Caps(1, whole_visit=True), [(5, NONE)]).allow((5, NONE))


@pytest.mark.parametrize(("per_topic", "per_author"), [(0, 1), (1, -1)])
def test_a_cap_below_one_is_refused(per_topic: int, per_author: int) -> None:
    with pytest.raises(ValueError, match="give 1 or more"):
        Caps(per_topic, per_author)


def test_an_item_counts_for_its_first_topic_and_its_author() -> None:
    # 10 has topics 100 and 200, 30 neither topic nor author, 11 is not in the table.
    assert cap_keys_of(four_items(), np.array([40, 11, 10, 30])).tolist() == [
        [700, 6],
        [NONE, NONE],
        [100, 5],
        [NONE, NONE],
    ]
    assert cap_keys_of(four_items(), np.empty(0, np.int64)).shape == (0, 2)
