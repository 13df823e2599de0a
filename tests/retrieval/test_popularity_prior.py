import numpy as np
import pytest

from retrieval.index import NO_IDS, Index
from retrieval.popularity_prior import extend_candidates, extend_query, log_prior, log_prior_by_rows

# items 0..6 with the topics: 0: a, 1: a, 2: a b, 3: b, 4 (new): a b, 5 (new): c, 6 (new): none, 7 (new): a c
OFFSETS = np.array([0, 1, 2, 4, 5, 7, 8, 8, 10])
TOPICS = np.array([0, 0, 0, 1, 1, 0, 1, 2, 0, 2])
COUNTS = np.array([1, 2, 4, 8, 0, 0, 0, 0])


def test_prior_is_the_share_of_all_counts() -> None:
    assert log_prior(COUNTS, OFFSETS, TOPICS)[:4] == pytest.approx(np.log(np.array([1, 2, 4, 8]) / 15), abs=1e-6)


def test_new_item_gets_the_mean_of_its_topics_medians() -> None:
    # topic a holds 1, 2, 4 (median 2); topic b holds 4, 8 (median half way between, in nats)
    median_a, median_b = np.log(2 / 15), (np.log(4 / 15) + np.log(8 / 15)) / 2
    assert log_prior(COUNTS, OFFSETS, TOPICS)[4] == pytest.approx((median_a + median_b) / 2, abs=1e-6)


def test_new_item_whose_topics_nobody_chose_gets_the_global_median() -> None:
    median = (np.log(2 / 15) + np.log(4 / 15)) / 2
    assert log_prior(COUNTS, OFFSETS, TOPICS)[[5, 6]] == pytest.approx([median, median], abs=1e-6)


def test_topic_that_nobody_chose_does_not_vote() -> None:
    assert log_prior(COUNTS, OFFSETS, TOPICS)[7] == pytest.approx(np.log(2 / 15), abs=1e-6)


def test_without_any_count_all_items_are_alike() -> None:
    assert log_prior(np.zeros(8), OFFSETS, TOPICS) == pytest.approx(np.log(np.full(8, 1 / 8)), abs=1e-6)


def test_catalogue_without_topics_or_items_has_a_prior() -> None:
    none = np.array([], np.int64)
    assert log_prior(np.array([3, 0, 1]), np.zeros(4, np.int64), none) == pytest.approx(
        [np.log(3 / 4), (np.log(3 / 4) + np.log(1 / 4)) / 2, np.log(1 / 4)], abs=1e-6
    )
    assert log_prior(none, np.zeros(1, np.int64), none).shape == (0,)


def test_topics_as_padded_rows_say_the_same_and_one_that_collides_votes_once() -> None:
    topics = np.array([[5, 0, 0], [5, 0, 0], [9, 5, 0], [9, 0, 0], [9, 9, 5], [0, 0, 0]], np.int32)
    counts = np.array([1, 2, 4, 8, 0, 0])
    offsets, flat = np.array([0, 1, 2, 4, 5, 7, 7]), np.array([0, 0, 0, 1, 1, 0, 1])
    assert log_prior_by_rows(counts, topics) == pytest.approx(log_prior(counts, offsets, flat), abs=1e-6)


def test_extra_dimension_adds_the_prior_to_scores_exactly() -> None:
    # halves and quarters: float32 holds every number here exactly
    query = np.array([[1.0, 0.5], [0.25, -1.0]], np.float32)
    candidates = np.array([[0.5, 0.5], [1.0, -0.5], [0.0, 0.25]], np.float32)
    prior = np.array([-4.0, -1.5, -8.0], np.float32)
    extended = extend_query(query) @ extend_candidates(candidates, prior, alpha=0.5, temperature=0.25).T
    assert np.array_equal(extended, query @ candidates.T + 0.25 * 0.5 * prior)
    assert np.array_equal(extended / 0.25, query @ candidates.T / 0.25 + 0.5 * prior)
    assert extended.dtype == np.float32


def test_extra_dimension_ranks_as_the_corrected_score() -> None:
    rng = np.random.default_rng(0)
    query, candidates = rng.normal(size=(20, 8)), rng.normal(size=(300, 8))
    prior = np.log(rng.dirichlet(np.ones(300)))
    extended = extend_query(query) @ extend_candidates(candidates, prior, alpha=0.7, temperature=0.05).T
    wanted = query @ candidates.T / 0.05 + 0.7 * prior
    assert np.array_equal(np.argsort(-extended, axis=1), np.argsort(-wanted, axis=1))


def test_an_index_of_the_longer_vectors_ranks_by_the_corrected_score() -> None:
    rng = np.random.default_rng(2)
    query, candidates = (rng.normal(size=shape).astype(np.float32) for shape in ((1, 8), (50, 8)))
    prior = np.log(rng.dirichlet(np.ones(50))).astype(np.float32)
    index = Index.build(extend_candidates(candidates, prior, alpha=0.7, temperature=0.05), np.arange(100, 150))
    found = index.search(extend_query(query)[0], 50, NO_IDS)
    assert found.item_ids.tolist() == (100 + np.argsort(-(query @ candidates.T / 0.05 + 0.7 * prior)[0])).tolist()


def test_alpha_zero_changes_no_score() -> None:
    rng = np.random.default_rng(1)
    query, candidates = rng.normal(size=(3, 4)), rng.normal(size=(5, 4))
    prior = np.log(rng.dirichlet(np.ones(5)))
    extended = extend_query(query) @ extend_candidates(candidates, prior, alpha=0.0, temperature=0.1).T
    assert extended == pytest.approx(query @ candidates.T)


def test_more_popular_scores_higher() -> None:
    same = np.ones((2, 3), np.float32)
    scores = extend_query(same[:1]) @ extend_candidates(same, np.array([-5.0, -2.0]), alpha=1.0, temperature=0.1).T
    assert scores[0, 0] < scores[0, 1]


@pytest.mark.parametrize("counts", [[1, -1, 0], [1, np.nan, 0]])
def test_impossible_counts_are_refused(counts: list) -> None:
    with pytest.raises(ValueError, match="counts"):
        log_prior(np.array(counts), np.zeros(4, np.int64), np.array([], np.int64))


@pytest.mark.parametrize("offsets", [[0, 1], [0, 0, 0, 1], [1, 1, 2, 2]])
def test_offsets_that_do_not_fit_are_refused(offsets: list) -> None:
    with pytest.raises(ValueError, match="topic_offsets"):
        log_prior(np.ones(3), np.array(offsets), np.array([0, 0]))


@pytest.mark.parametrize(("length", "alpha", "temperature"), [(2, 1.0, 1.0), (3, -1.0, 1.0), (3, 1.0, 0.0)])
def test_impossible_extension_is_refused(length: int, alpha: float, temperature: float) -> None:
    with pytest.raises(ValueError, match=r"prior|alpha"):
        extend_candidates(np.ones((3, 2)), np.ones(length), alpha=alpha, temperature=temperature)
