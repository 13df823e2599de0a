from __future__ import annotations

from math import log2

import numpy as np
import pytest

from retrieval.metrics import (
    NOTHING,
    catalogue_coverage,
    mrr_at_k,
    ndcg_at_k,
    novelty,
    overlap,
    paired_bootstrap,
    popularity_bias,
    ranked_items,
    reader_means,
    recall_at_k,
    seed_spread,
)

NONE = np.empty(0, np.int64)


def of(*items: int) -> np.ndarray:
    return np.array(items, np.int64)


def test_the_best_come_first_and_what_was_seen_never() -> None:
    scores = np.array([[0.1, 0.9, 0.5, 0.7], [3.0, -2.0, -1.0, 0.0]], np.float32)
    ranked = ranked_items(scores, [of(1), NONE], 3, seed=0)
    assert ranked.tolist() == [[3, 2, 0], [0, 3, 2]]


def test_negative_scores_and_both_zeros_keep_their_order() -> None:
    scores = np.array([[-1.0, -0.0, 0.0, 1e-30, -1e30, 2.0, np.inf]])
    ranked = ranked_items(scores, [NONE], 7, seed=0)[0].tolist()
    assert ranked[:3] == [6, 5, 3]
    assert set(ranked[3:5]) == {1, 2}
    assert ranked[5:] == [0, 4]


def test_the_same_order_as_a_full_sort_of_random_scores() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(20, 500)).astype(np.float32)
    seen = [rng.choice(500, 40, replace=False) for _ in range(20)]
    masked = np.array(
        [np.where(np.isin(np.arange(500), items), -np.inf, row) for row, items in zip(scores, seen, strict=True)]
    )
    assert (ranked_items(scores, seen, 100, seed=3) == np.argsort(-masked, axis=1)[:, :100]).all()


def test_a_short_catalogue_and_items_not_proposed_leave_the_end_of_a_list_empty() -> None:
    scores = np.array([[1.0, -np.inf, 2.0]], np.float32)
    assert ranked_items(scores, [of(0)], 5, seed=0).tolist() == [[2, NOTHING, NOTHING, NOTHING, NOTHING]]


def test_a_model_that_scores_everything_alike_finds_as_much_as_chance() -> None:
    """However the file numbers its items: here the answer is always item 0, which a stable sort would put first."""
    ranked = np.concatenate([ranked_items(np.zeros((1, 50)), [NONE], 10, seed=seed) for seed in range(400)])
    found = recall_at_k(ranked, [of(0)] * 400, 10).mean()
    assert 0.1 <= found <= 0.3
    assert (
        ranked_items(np.zeros((1, 50)), [NONE], 10, seed=5) == ranked_items(np.zeros((1, 50)), [NONE], 10, seed=5)
    ).all()


def test_ties_at_the_end_of_the_list_are_not_broken_by_the_number_of_the_item() -> None:
    scores = np.array([[1.0, 1.0, 1.0, 2.0]])
    last = {int(ranked_items(scores, [NONE], 2, seed=seed)[0, 1]) for seed in range(50)}
    assert last == {0, 1, 2}


def test_scores_without_an_order_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        ranked_items(np.array([[np.nan, 1.0]]), [NONE], 1, seed=0)
    with pytest.raises(ValueError, match="seen items for 2"):
        ranked_items(np.zeros((1, 2)), [NONE, NONE], 1, seed=0)
    with pytest.raises(ValueError, match="at least one place"):
        ranked_items(np.zeros((1, 2)), [NONE], 0, seed=0)


RANKED = np.array([[7, 3, 5, 1], [2, 4, 6, 8], [1, 2, 3, 4], [9, NOTHING, NOTHING, NOTHING]])
POSITIVES = [of(3, 1, 9), of(5), NONE, of(9, 9, 2)]


def test_recall_by_hand() -> None:
    assert recall_at_k(RANKED, POSITIVES, 2).tolist() == pytest.approx([1 / 3, 0, np.nan, 1 / 2], nan_ok=True)
    assert recall_at_k(RANKED, POSITIVES, 4).tolist() == pytest.approx([2 / 3, 0, np.nan, 1 / 2], nan_ok=True)


def test_ndcg_by_hand() -> None:
    """Three positives, at places 2 and 4 of four; the best list has them at 1, 2 and 3."""
    wanted = (1 / log2(3) + 1 / log2(5)) / (1 + 1 / log2(3) + 1 / log2(4))
    assert ndcg_at_k(RANKED, POSITIVES, 4).tolist() == pytest.approx(
        [wanted, 0, np.nan, 1 / (1 + 1 / log2(3))], nan_ok=True
    )


def test_the_best_list_has_ndcg_1_also_with_more_positives_than_places() -> None:
    assert ndcg_at_k(of(4, 2, 9)[None], [of(9, 4, 2, 7, 8)], 3).tolist() == pytest.approx([1])
    assert recall_at_k(of(4, 2, 9)[None], [of(9, 4, 2, 7, 8)], 3).tolist() == pytest.approx([3 / 5])


def test_mrr_by_hand() -> None:
    assert mrr_at_k(RANKED, POSITIVES, 4).tolist() == pytest.approx([1 / 2, 0, np.nan, 1], nan_ok=True)
    assert mrr_at_k(RANKED, POSITIVES, 1).tolist() == pytest.approx([0, 0, np.nan, 1], nan_ok=True)


def test_an_empty_place_is_no_hit_of_the_row_before() -> None:
    """Item 9 is the highest number there is, so a row's empty places border on it."""
    assert recall_at_k(np.array([[1, 2], [NOTHING, NOTHING]]), [of(9), of(9)], 2).tolist() == [0, 0]


def test_lists_shorter_than_k_are_refused() -> None:
    with pytest.raises(ValueError, match="Rank at least 10"):
        recall_at_k(RANKED, POSITIVES, 10)
    with pytest.raises(ValueError, match="positives for 1"):
        ndcg_at_k(RANKED, [NONE], 2)


def test_no_queries_have_no_values() -> None:
    assert recall_at_k(np.empty((0, 5), np.int64), [], 5).tolist() == []
    assert ranked_items(np.empty((0, 7)), [], 5, seed=0).shape == (0, 5)


def test_coverage_counts_what_stands_in_any_list() -> None:
    assert catalogue_coverage(RANKED, 2, num_items=10) == 0.6  # 7 3 2 4 1 9
    assert catalogue_coverage(RANKED, 1, num_items=10) == 0.4
    with pytest.raises(ValueError, match="empty catalogue"):
        catalogue_coverage(RANKED, 1, num_items=0)


def test_novelty_is_the_bits_of_an_items_share_of_readers() -> None:
    counts = np.array([7, 3, 0])
    lists = np.array([[0, 1], [2, NOTHING]])
    assert novelty(lists, 2, item_counts=counts, num_readers=7) == pytest.approx((0 + 1 + 3) / 3)
    assert np.isnan(novelty(np.full((1, 2), NOTHING), 2, item_counts=counts, num_readers=7))


def test_popularity_bias_is_1_for_lists_as_popular_as_what_readers_choose() -> None:
    counts = np.array([3, 1])  # a choice meets a count of (3x3 + 1x1) / 4 = 2.5
    assert popularity_bias(np.array([[0], [0], [0], [1]]), 1, item_counts=counts) == pytest.approx(1)
    assert popularity_bias(np.array([[0]]), 1, item_counts=counts) == pytest.approx(3 / 2.5)
    with pytest.raises(ValueError, match="nothing was chosen"):
        popularity_bias(np.array([[0]]), 1, item_counts=np.zeros(2))


def test_overlap_is_the_mean_over_pairs_of_readers() -> None:
    lists = np.array([[1, 2], [2, 3], [4, 5]])  # pairs share 1, 0 and 0 of 2
    assert overlap(lists, 2) == pytest.approx(1 / 6)
    assert overlap(np.array([[1, 2], [2, 1]]), 2) == 1
    assert np.isnan(overlap(lists[:1], 2))


def test_a_reader_counts_once_however_many_queries_she_has() -> None:
    readers, means = reader_means(np.array([1.0, 0.0, np.nan, 0.5, np.nan]), np.array([7, 7, 7, 3, 9]))
    assert readers.tolist() == [3, 7, 9]
    assert means.tolist() == pytest.approx([0.5, 0.5, np.nan], nan_ok=True)


def test_the_interval_covers_a_known_difference_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for run in range(200):
        reader = rng.normal(size=80)
        theirs = reader[None] + rng.normal(scale=0.3, size=(2, 80))
        ours = reader[None] + 0.1 + rng.normal(scale=0.3, size=(3, 80))
        interval = paired_bootstrap(ours, theirs, seed=run, resamples=400)
        covered += interval.low <= 0.1 <= interval.high
    assert 0.88 <= covered / 200 <= 0.99


def test_pairing_sees_a_small_difference_between_readers_who_differ_much() -> None:
    reader = np.random.default_rng(2).normal(scale=10, size=200)
    interval = paired_bootstrap((reader + 0.5)[None], reader[None], seed=0)
    assert (interval.low, interval.mean, interval.high) == pytest.approx((0.5, 0.5, 0.5))


def test_a_reader_is_averaged_over_seeds_before_readers_are_drawn() -> None:
    """Seeds that cancel out within each reader leave no spread, however far apart they are."""
    up_and_down = np.array([[1.0] * 50, [-1.0] * 50])
    interval = paired_bootstrap(up_and_down, np.zeros((1, 50)), seed=0)
    assert (interval.low, interval.mean, interval.high) == (0, 0, 0)
    assert seed_spread(up_and_down) == pytest.approx(2**0.5)
    assert np.isnan(seed_spread(up_and_down[:1]))


def test_readers_without_positives_leave_the_comparison_on_both_sides() -> None:
    ours, theirs = np.array([[0.6, np.nan, 0.6]]), np.array([[0.5, np.nan, 0.5]])
    assert paired_bootstrap(ours, theirs, seed=0).mean == pytest.approx(0.1)
    with pytest.raises(ValueError, match="one side only"):
        paired_bootstrap(ours, np.array([[0.5, 0.5, 0.5]]), seed=0)
    with pytest.raises(ValueError, match="No reader"):
        paired_bootstrap(np.array([[np.nan]]), np.array([[np.nan]]), seed=0)
    with pytest.raises(ValueError, match="same readers"):
        paired_bootstrap(ours, np.zeros((1, 2)), seed=0)


def test_many_readers_are_resampled_in_parts() -> None:
    interval = paired_bootstrap(np.full((1, 900_000), 0.25), np.zeros((1, 900_000)), seed=0, resamples=10)
    assert (interval.low, interval.high) == pytest.approx((0.25, 0.25))
