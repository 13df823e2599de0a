from __future__ import annotations

from math import log2

import numpy as np
import pytest

from ranking.goals import Goals, Lead
from ranking.metrics import as_shown
from ranking.visits import NEGATIVE, POSITIVE
from tests.ranking.visit_worlds import visits_of

CLICKED_FIRST_AND_LAST = visits_of([3, 3, 2], [POSITIVE, NEGATIVE, NEGATIVE, NEGATIVE, NEGATIVE, POSITIVE, 1, 1])
EXAMINATION = np.array([1, 0.5, 0.25, 1, 0.5, 0.25, 1, 0.5])
SHOWN = as_shown(CLICKED_FIRST_AND_LAST.visit_sizes)


def test_plain_goals_count_each_visit_with_a_positive_once() -> None:
    goals = Goals.plain(CLICKED_FIRST_AND_LAST, 3)
    assert goals.weights.tolist() == [1, 1, 0]
    assert goals.mean(SHOWN) == pytest.approx((1 + 1 / log2(4)) / 2)


def test_a_click_where_a_quarter_looks_counts_four_times_though_it_is_the_only_one_of_its_visit() -> None:
    goals = Goals.weighted(CLICKED_FIRST_AND_LAST, 3, EXAMINATION, least=0.1)
    assert goals.weights.tolist() == [1, 4, 0]
    assert goals.mean(SHOWN) == pytest.approx((1 + 4 / log2(4)) / 5)


def test_weights_make_the_order_that_was_shown_no_better_than_its_reverse() -> None:
    """Whatever stands at place k is liked alike, and looked at with probability 1 / k: clicks only tell the place."""
    counts = np.array([60, 30, 20])
    labels = np.concatenate([np.tile(np.where(np.arange(3) == k, 3, 1), n) for k, n in enumerate(counts)])
    visits = visits_of([3] * int(counts.sum()), labels)
    shown = as_shown(visits.visit_sizes)
    assert Goals.plain(visits, 3).mean(shown) > Goals.plain(visits, 3).mean(-shown) + 0.1
    weighted = Goals.weighted(visits, 3, 1 / (1 + visits.positions), least=0.1)
    assert weighted.mean(shown) == pytest.approx(weighted.mean(-shown))


def test_a_lead_within_chance_is_none() -> None:
    """Two visits of which one gets better and one worse; then both get better."""
    goals = Goals.plain(CLICKED_FIRST_AND_LAST, 3)
    assert not goals.lead(-SHOWN, SHOWN).beyond_chance
    best = CLICKED_FIRST_AND_LAST.gains.astype(float)
    assert goals.lead(best, -best) == Lead(0.5, 0.0)
    assert goals.lead(best, -best).beyond_chance
    assert not Lead(1.0, float("nan")).beyond_chance
