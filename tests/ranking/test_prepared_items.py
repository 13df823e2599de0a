from __future__ import annotations

import numpy as np
import pytest

from ranking.prepared_items import PRIOR_VIEWS, PreparedItems, smoothed
from ranking.request import NONE
from tests.ranking.small_requests import four_items


def test_a_rate_of_few_views_is_nearer_to_the_rate_of_all() -> None:
    few, many, none = smoothed(np.float32([1, 100, 0]), np.float32([1, 100, 899]))
    overall = 101 / 1000
    assert overall < few < many
    assert few == pytest.approx((1 + PRIOR_VIEWS * overall) / (1 + PRIOR_VIEWS))
    assert none < overall


def test_an_item_never_viewed_has_the_rate_of_all() -> None:
    assert smoothed(np.float32([5, 0]), np.float32([10, 0]))[1] == pytest.approx(0.5)


def test_where_nothing_was_viewed_no_rate_is_known() -> None:
    assert np.isnan(smoothed(np.float32([0, 0]), np.float32([0, 0]))).all()


def test_topics_are_given_one_item_after_the_other() -> None:
    items = PreparedItems.of(four_items())
    topics, counts = items.topics_of(np.array([3, NONE, 0, 2, 1]))
    assert items.topic_ids[topics].tolist() == [700, 100, 200, 200]
    assert counts.tolist() == [1, 0, 2, 0, 1]


def test_topics_that_no_item_has_are_not_known() -> None:
    items = PreparedItems.of(four_items())
    assert items.topic_ids[items.known_topics(np.array([700, 150, 9999, 100]))].tolist() == [700, 100]


def test_vectors_of_an_unknown_item_are_missing() -> None:
    found = PreparedItems.of(four_items()).vectors_of(np.array([1, NONE]))
    np.testing.assert_array_equal(found, [[0, 1], [np.nan, np.nan]])


def test_vectors_of_the_table_are_not_copied() -> None:
    table = four_items()
    assert PreparedItems.of(table).table.vectors is table.vectors
