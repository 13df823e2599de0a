from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ranking.prepared_items import PreparedItems
from ranking.taste import HISTORY_LIMIT, LIKED, TASTE_HALF_LIFE_S, Taste
from tests.ranking.small_requests import four_items, reader

ITEMS = PreparedItems.of(four_items())


def test_a_choice_counts_half_after_a_half_life() -> None:
    taste = Taste.of(reader([(40, TASTE_HALF_LIFE_S, 1), (20, 0, 1)]), ITEMS)
    assert taste.topics[LIKED].tolist() == pytest.approx([0, 2 / 3, 1 / 3])


def test_no_choice_however_old_makes_the_shares_fail() -> None:
    taste = Taste.of(reader([(20, 1e12, 1)]), ITEMS)
    assert not np.isinf(taste.topics).any()


def test_a_longer_history_than_the_limit_says_no_more() -> None:
    newest = [(20, 0.0, 1.0)] * HISTORY_LIMIT
    longer, whole = Taste.of(reader([(40, 0, 1), *newest]), ITEMS), Taste.of(reader(newest), ITEMS)
    np.testing.assert_array_equal(longer.topics, whole.topics)


def test_an_author_followed_twice_is_followed_once() -> None:
    taste = Taste.of(replace(reader([]), authors=np.array([5, 5], np.int32)), ITEMS)
    assert taste.authors.at(np.array([5, 6]))[2].tolist() == [1, 0]
