from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recsite.funnel.query import FunnelQuery
from retrieval.query_state import QueryState
from tests.retrieval.worlds import UNTIL

SIX_PM = UNTIL.replace(hour=18, minute=30)


def of_kinds(*kinds: str) -> FunnelQuery:
    """Items 1, 2, ..., an hour apart, the last an hour ago."""
    count = len(kinds)
    ages_s = 3_600 * np.arange(count, 0, -1, dtype=np.float32)
    return FunnelQuery(QueryState(SIX_PM, np.arange(1, count + 1), kinds, ages_s, languages=("xx", "nl")))


def test_ranking_is_told_of_what_says_something_of_the_liking() -> None:
    reader = of_kinds("click", "already_seen", "like", "dismiss").reader({})
    assert reader.history.tolist() == [1, 3, 4]
    assert reader.gains.tolist() == [1, 3, -1]
    assert reader.ages_s.tolist() == [4 * 3_600, 2 * 3_600, 3_600]


def test_languages_that_no_item_has_are_left_out() -> None:
    assert of_kinds().reader({"en": 0, "nl": 1}).languages.tolist() == [1]


def test_hours_are_those_of_utc() -> None:
    context = replace(of_kinds(), surface="topic", columns=3).context()
    assert (context.at_s, context.hour, context.weekday) == (SIX_PM.timestamp(), 18.5, SIX_PM.weekday())
    assert (context.surface, context.columns) == ("topic", 3)


@pytest.mark.parametrize(("first_seen_s", "tenure_s"), [(None, 0), (-60, 60), (60, 0)])
def test_somebody_first_seen_later_than_the_moment_is_new(first_seen_s: float | None, tenure_s: float) -> None:
    seen_s = None if first_seen_s is None else SIX_PM.timestamp() + first_seen_s
    assert replace(of_kinds(), first_seen_s=seen_s).reader({}).tenure_s == tenure_s
