import numpy as np
import pytest

from retrieval.log_q import (
    StreamingFrequency,
    interval_probabilities,
    log_q_of_mixture,
    log_q_of_positive,
)

BATCH = 512


def stream(rng: np.random.Generator, p: np.ndarray, batches: int) -> np.ndarray:
    return rng.choice(len(p), size=(batches, BATCH), p=p)


def with_expected(times_a_batch: float, num_items: int = 2000, watched: int = 10) -> np.ndarray:
    """The first `watched` items are each expected so many times a batch; the others share the rest."""
    p = np.full(num_items, (1 - watched * times_a_batch / BATCH) / (num_items - watched))
    p[:watched] = times_a_batch / BATCH
    return p


def observed(rng: np.random.Generator, batches: np.ndarray, **options: float) -> StreamingFrequency:
    estimator = StreamingFrequency.empty(rng, log2_buckets=16, **options)
    for batch in batches:
        estimator.observe(batch)
    return estimator


def test_draws_are_smoothed_by_one() -> None:
    draws = np.array([5.0, 0.0, 2.0])
    assert within(draws, draws) == pytest.approx([6 / 10, 1 / 10, 3 / 10])


def smoothed(window: np.ndarray) -> np.ndarray:
    return (window + 1) / (window + 1).sum()


def within(draws: np.ndarray, window: np.ndarray) -> np.ndarray:
    return interval_probabilities(draws, of_interval=draws.sum(), of_window=window.sum(), num_items=len(draws))


def test_probabilities_of_intervals_average_to_those_of_the_window() -> None:
    intervals = np.array([[5.0, 0.0, 2.0], [0.0, 30.0, 1.0], [0.5, 0.0, 0.0]])
    window = intervals.sum(axis=0)
    weights = intervals.sum(axis=1) / intervals.sum()
    mean = weights @ np.stack([within(draws, window) for draws in intervals])
    assert mean == pytest.approx(smoothed(window))


def test_an_item_of_one_interval_in_fifty_is_fifty_times_as_frequent_there() -> None:
    draws, window = np.array([500.0, 500.0, 0.0]), np.array([500.0, 500.0, 49_000.0])
    assert within(draws, window)[0] / smoothed(window)[0] == pytest.approx(50, rel=0.01)


@pytest.mark.parametrize("draws", [[], [-1.0, 2.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_draws_that_cannot_be_are_refused(draws: list[float]) -> None:
    with pytest.raises(ValueError, match="Draws must be finite"):
        within(np.array(draws), np.array(draws))


def test_mixture_worked_by_hand() -> None:
    # five rows: four others; two of ten items uniformly: 4 * 0.1 + 0.2 and 4 * 0.7 + 0.2
    log_q = log_q_of_mixture(np.array([0.1, 0.7]), batch_size=5, num_uniform=2, num_items=10)
    assert log_q == pytest.approx(np.log([0.6, 3.0]), abs=1e-6)
    assert log_q.dtype == np.float32


def test_without_uniform_negatives_only_the_other_rows_count() -> None:
    assert log_q_of_mixture(np.array([0.25]), 5, 0, 10) == pytest.approx([0.0], abs=1e-7)


def test_with_one_row_only_uniform_negatives_count() -> None:
    assert log_q_of_mixture(np.array([0.25, 0.75]), 1, 4, 8) == pytest.approx(np.log([0.5, 0.5]), abs=1e-6)


@pytest.mark.parametrize("sizes", [(1, 0, 10), (0, 5, 10), (4, -1, 10), (4, 1, 0)])
def test_sizes_without_negatives_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="negatives"):
        log_q_of_mixture(np.array([0.5]), *sizes)


@pytest.mark.parametrize("p", [0.0, -0.1, 1.1, np.nan])
def test_a_probability_that_has_no_logarithm_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="Smooth the counts"):
        log_q_of_mixture(np.array([p]), 8, 0, 10)


def test_mixture_is_how_often_a_negative_really_comes() -> None:
    rng = np.random.default_rng(3)
    p = np.array([0.5, 0.3, 0.1, 0.06, 0.04])
    others = rng.choice(5, size=(40_000, 7), p=p)
    uniform = np.argsort(rng.random((40_000, 5)), axis=1)[:, :3]
    mean = np.bincount(np.concatenate([others, uniform], axis=1).ravel(), minlength=5) / 40_000
    assert log_q_of_mixture(p, 8, 3, 5) == pytest.approx(np.log(mean), abs=0.02)


def test_positive_stands_for_its_masked_copies_too() -> None:
    # expected once among the others: its one column weighs 2; expected a millionth of a time: as everywhere
    log_q = np.log(np.array([1.0, 1e-6, 1e6]))
    assert log_q_of_positive(log_q) == pytest.approx([-np.log(2), np.log(1e-6), 0.0], abs=2e-6)


def test_streaming_worked_by_hand() -> None:
    # item 7 is examples 1, 2, 3 and 5 of six: gaps 1, 1, 1, 2 and an open one of 2 -> mean 7/5
    estimator = StreamingFrequency.empty(np.random.default_rng(0), log2_buckets=10)
    estimator.observe(np.array([7, 7, 7]))
    estimator.observe(np.array([1, 7, 2]))
    assert estimator.probability(np.array([7, 1, 9])) == pytest.approx([5 / 7, 2 / 7, 1 / 7])


def test_streaming_fades_at_its_rate() -> None:
    # rate 1/2: gaps 1 (taken whole), 3 -> 1/2 * 1 + 1/2 * 3 = 2, 1 -> 1.5; asked at once, the open gap of 1 -> 1.25
    estimator = StreamingFrequency.empty(np.random.default_rng(0), log2_buckets=10, rate=0.5)
    estimator.observe(np.array([7, 1, 2, 7, 7]))
    assert estimator.probability(np.array([7])) == pytest.approx([1 / 1.25])


@pytest.mark.parametrize("rate", [0.9, 0.3, 0.01])
def test_streaming_does_not_depend_on_where_batches_are_cut(rate: float) -> None:
    rng = np.random.default_rng(1)
    examples = rng.zipf(1.5, size=600) % 50
    states = []
    for size in (1, 7, 600):
        estimator = StreamingFrequency.empty(np.random.default_rng(2), log2_buckets=8, rate=rate)
        for start in range(0, 600, size):
            estimator.observe(examples[start : start + size])
        states.append(estimator)
    for other in states[1:]:
        assert other.gaps == pytest.approx(states[0].gaps, rel=1e-9)
        assert np.array_equal(other.last_seen, states[0].last_seen)
        assert np.array_equal(other.sights, states[0].sights)


@pytest.mark.parametrize("seed", range(4))
def test_item_expected_six_times_a_batch_is_within_a_tenth_of_a_nat(seed: int) -> None:
    rng, p = np.random.default_rng(seed), with_expected(6)
    found = observed(rng, stream(rng, p, 300)).probability(np.arange(10))
    q, found_q = (log_q_of_mixture(probability, BATCH, 0, len(p)) for probability in (p[:10], found))
    assert np.abs(found_q - q).max() < 0.1


def test_rarer_items_are_known_less_well_but_not_wrongly() -> None:
    """Once in 1, 10 and 50 batches, in 500 batches: an estimate from n occurrences strays by about 1 / sqrt(n)."""
    rng, p = np.random.default_rng(5), with_expected(0)
    p[:30] = np.repeat([1, 1 / 10, 1 / 50], 10) / BATCH
    p /= p.sum()
    error = np.abs(np.log(observed(rng, stream(rng, p, 500)).probability(np.arange(30)) / p[:30])).reshape(3, 10)
    assert (error.max(axis=1) < 3.5 / np.sqrt([500, 50, 10])).all()


def test_streaming_follows_an_item_that_becomes_popular() -> None:
    rng = np.random.default_rng(6)
    rare, popular = with_expected(0.5), with_expected(6)
    batches = np.concatenate([stream(rng, rare, 100), stream(rng, popular, 200)])
    found = observed(rng, batches, rate=0.01).probability(np.arange(10))
    assert np.log(found / popular[:10]) == pytest.approx(0, abs=0.3)


def test_item_that_no_longer_comes_fades() -> None:
    rng = np.random.default_rng(7)
    estimator = observed(rng, stream(rng, with_expected(6), 50))
    before = estimator.probability(np.array([0]))
    for batch in stream(rng, with_expected(6), 50):
        estimator.observe(np.where(batch == 0, 1, batch))
    assert estimator.probability(np.array([0])) < 0.6 * before


def test_item_never_seen_counts_as_the_next_to_come() -> None:
    estimator = StreamingFrequency.empty(np.random.default_rng(0), log2_buckets=12)
    assert estimator.probability(np.array([3])) == 1.0
    estimator.observe(np.zeros(99, np.int64))
    assert estimator.probability(np.array([3])) == pytest.approx(1 / 100)


def test_several_hashes_undo_collisions() -> None:
    """512 buckets for 150 items: with one hash a quarter share theirs, and look as frequent as both together."""
    rng = np.random.default_rng(8)
    p, items = np.full(150, 1 / 150), rng.integers(2**40, size=150)
    batches = items[stream(rng, p, 50)]

    def errors(num_hashes: int) -> np.ndarray:
        estimator = StreamingFrequency.empty(np.random.default_rng(9), log2_buckets=9, num_hashes=num_hashes)
        for batch in batches:
            estimator.observe(batch)
        return np.log(estimator.probability(items) / p)

    assert (errors(1) > 0.5).mean() > 0.15
    assert (errors(4) > 0.5).mean() < 0.05


def test_empty_batch_changes_nothing() -> None:
    estimator = StreamingFrequency.empty(np.random.default_rng(0), log2_buckets=4)
    estimator.observe(np.array([], np.int64))
    assert estimator.examples == 0
    assert not estimator.sights.any()


@pytest.mark.parametrize("options", [{"rate": 0.0}, {"rate": 1.0}, {"num_hashes": 0}, {"log2_buckets": 0}])
def test_impossible_estimator_is_refused(options: dict) -> None:
    with pytest.raises(ValueError, match=r"rate|hashes"):
        StreamingFrequency.empty(np.random.default_rng(0), **{"log2_buckets": 4} | options)
