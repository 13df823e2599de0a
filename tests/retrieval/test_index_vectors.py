from __future__ import annotations

import numpy as np
import pytest

from retrieval.index_vectors import ItemVectors, best, best_rows, inner_products


def test_rows_are_put_in_order_of_id() -> None:
    items = ItemVectors(np.array([5, 2]), np.array([[5, 0], [2, 0]]))
    assert items.item_ids.tolist() == [2, 5]
    assert items.vectors.tolist() == [[2, 0], [5, 0]]
    assert items.ids.idx_of(np.array([5])).tolist() == [1]


def test_vectors_in_order_are_not_copied() -> None:
    vectors = np.ones((2, 3), np.float32)
    assert np.shares_memory(ItemVectors(np.array([2, 5]), vectors).vectors, vectors)


@pytest.mark.parametrize(
    ("item_ids", "vectors", "message"),
    [
        ([1, 2], np.ones((3, 2)), r"shape \(3, 2\)"),
        ([1, 2], np.ones(2), r"shape \(2,\)"),
        ([1, 2], np.ones((2, 0)), r"shape \(2, 0\)"),
        ([1, 1], np.ones((2, 2)), "repeat"),
        ([1, 2], [[1, 1], [np.nan, 1]], "item 2 among them"),
        ([1, 2], [[-np.inf, 1], [1, 1]], "item 1 among them"),
    ],
)
def test_what_does_not_fit_is_refused(item_ids: list[int], vectors: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ItemVectors(np.array(item_ids), np.array(vectors, np.float32))


def test_an_update_replaces_adds_and_removes() -> None:
    items = ItemVectors(np.array([1, 2, 3]), np.array([[1], [2], [3]]))
    updated = items.updated(ItemVectors(np.array([4, 2]), np.array([[40], [20]])), np.array([1, 9]))
    assert updated.item_ids.tolist() == [2, 3, 4]
    assert updated.vectors.tolist() == [[20], [3], [40]]


def test_a_digest_is_that_of_the_items_and_not_of_their_order() -> None:
    one = ItemVectors(np.array([1, 2]), np.array([[1], [2]])).digest()
    assert ItemVectors(np.array([2, 1]), np.array([[2], [1]])).digest() == one
    assert ItemVectors(np.array([1, 2]), np.array([[1], [3]])).digest() != one
    assert ItemVectors(np.array([1, 3]), np.array([[1], [2]])).digest() != one
    assert ItemVectors.none(1).digest() != ItemVectors.none(2).digest()


def test_a_score_does_not_depend_on_where_the_vector_stands() -> None:
    rng = np.random.default_rng(0)
    vectors, query = rng.standard_normal((101, 37), np.float32), rng.standard_normal(37, np.float32)
    alone = [inner_products(query, vectors[i : i + 1])[0] for i in range(101)]
    assert inner_products(query, vectors).tolist() == alone
    np.testing.assert_allclose(alone, vectors @ query, rtol=1e-4, atol=1e-5)


def test_the_best_come_first_and_among_equals_the_lowest() -> None:
    scores = np.array([1, 3, 2, 3, 2], np.float32)
    names, ordered = best(scores, np.array([50, 40, 30, 20, 10]), 3)
    assert names.tolist() == [20, 40, 10]
    assert ordered.tolist() == [3, 3, 2]


def test_of_rows_as_good_as_the_last_the_lowest_are_taken() -> None:
    rows, scores = best_rows(np.zeros(10, np.float32), 4)
    assert rows.tolist() == [0, 1, 2, 3]
    assert scores.tolist() == [0, 0, 0, 0]


def test_rows_of_minus_infinity_are_no_candidates() -> None:
    scores = np.array([-np.inf, -5, -np.inf, -1], np.float32)
    assert best_rows(scores, 3)[0].tolist() == best_rows(scores, 9)[0].tolist() == [3, 1]
    assert best_rows(scores, 0)[0].tolist() == []
    assert best_rows(np.empty(0, np.float32), 3)[0].tolist() == []


def test_beyond_others_are_those_that_they_lack_or_have_with_another_vector() -> None:
    others = ItemVectors(np.array([1, 2, 4]), np.array([[1, 0], [2, 0], [4, 0]]))
    items = ItemVectors(np.array([1, 2, 3]), np.array([[1, 0], [2, 9], [3, 0]]))
    assert items.beyond(others).item_ids.tolist() == [2, 3]
    assert items.beyond(ItemVectors.none(2)).vectors.tolist() == items.vectors.tolist()
    assert not len(ItemVectors.none(2).beyond(others))
