from __future__ import annotations

import numpy as np
import pytest

from recsite.funnel.sources import FEATURE_SET, SOURCES, popular_and_trending
from retrieval.interactions import Interactions
from tests.recsite.funnel.world import small_funnel

DAY_S = 86_400.0


def test_every_release_asks_the_same_nine() -> None:
    assert len(SOURCES) == 9
    assert FEATURE_SET.sources == SOURCES
    assert tuple(source.name for source in small_funnel().sources) == SOURCES


def test_a_choice_counts_half_after_a_week_and_not_at_all_after_six() -> None:
    at_s = 100 * DAY_S
    times_s = np.array([at_s - 43 * DAY_S, at_s - 7 * DAY_S, at_s - 1e-3])
    popular, trending = popular_and_trending(
        Interactions.in_order(np.array([1, 1, 1]), np.array([10, 20, 30]), times_s), at_s
    )
    assert popular.item_ids.tolist() == [30, 20]
    assert popular.scores.tolist() == pytest.approx([1.0, 0.5])
    assert trending.item_ids.tolist() == [30]


def test_choices_from_the_moment_on_play_no_part() -> None:
    choices = Interactions.in_order(np.array([1, 2]), np.array([10, 20]), np.array([DAY_S - 1, DAY_S]))
    popular, _ = popular_and_trending(choices, DAY_S)
    assert popular.item_ids.tolist() == [10]
