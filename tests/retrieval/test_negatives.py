import numpy as np
import pytest

from retrieval.ids import UNKNOWN
from retrieval.negatives import KnownPositives, mine_hard_negatives, top_ranked, uniform_negatives

# reader 0 likes items 2 and 5, reader 1 nothing, reader 2 items 0, 2 and 3
KNOWN = KnownPositives(np.array([0, 2, 2, 5]), np.array([2, 5, 0, 2, 3]), num_items=6)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_known_positives_are_built_from_rows_in_any_order() -> None:
    built = KnownPositives.of(np.array([2, 0, 2, 0, 2, 2]), np.array([3, 5, 0, 2, 2, 3]), num_readers=3, num_items=6)
    assert built.offsets.tolist() == KNOWN.offsets.tolist()
    assert built.item_idx.tolist() == KNOWN.item_idx.tolist()


def test_pairs_worked_by_hand() -> None:
    pairs = KNOWN.pairs(np.array([2, 1, 0]), np.array([3, 2, 4, 2, 1]))
    assert sorted(map(tuple, pairs.tolist())) == [(0, 0), (0, 1), (0, 3), (2, 1), (2, 3)]
    assert pairs.dtype == np.int64


def test_pairs_are_the_mask_that_comparing_everything_finds() -> None:
    generator = rng()
    liked = generator.random((30, 80)) < 0.2
    known = KnownPositives.of(*np.nonzero(liked), num_readers=30, num_items=80)
    readers, columns = generator.integers(30, size=50), generator.integers(80, size=120)
    mask = np.zeros((50, 120), int)
    np.add.at(mask, tuple(known.pairs(readers, columns).T), 1)
    assert np.array_equal(mask, liked[readers[:, None], columns[None, :]])
    assert np.array_equal(known.contains(readers, np.tile(columns, (50, 1))), mask.astype(bool))


def test_reader_of_whom_nothing_is_known_has_no_pairs() -> None:
    assert KNOWN.pairs(np.array([UNKNOWN, 1]), np.arange(6)).shape == (0, 2)
    assert not KNOWN.contains(np.array([UNKNOWN]), np.array([[2, 3]])).any()


def test_padding_is_no_known_positive() -> None:
    assert not KNOWN.contains(np.array([2, 0]), np.full((2, 1), UNKNOWN)).any()


def test_nothing_known_at_all_is_no_error() -> None:
    nothing = KnownPositives.of(np.array([], int), np.array([], int), num_readers=2, num_items=3)
    assert nothing.pairs(np.array([0, 1]), np.array([0, 1])).shape == (0, 2)
    assert not nothing.contains(np.array([0]), np.array([[1]])).any()


@pytest.mark.parametrize(
    ("offsets", "items"),
    [([0, 1], [1, 2]), ([1, 2], [1, 2]), ([0, 2], [2, 1]), ([0, 2], [1, 1]), ([0, 1], [6]), ([0, 1], [-1]), ([], [])],
)
def test_known_positives_out_of_order_are_refused(offsets: list, items: list) -> None:
    with pytest.raises(ValueError, match=r"offsets|item_idx|unique"):
        KnownPositives(np.array(offsets, int), np.array(items, int), num_items=6)


def test_falling_offsets_are_refused() -> None:
    with pytest.raises(ValueError, match="fall"):
        KnownPositives(np.array([0, 2, 1, 2]), np.array([1, 2]), num_items=6)


@pytest.mark.parametrize(("reader", "item"), [(3, 0), (-1, 0), (0, 6), (0, -1)])
def test_numbers_out_of_range_are_refused(reader: int, item: int) -> None:
    with pytest.raises(ValueError, match="_idx"):
        KnownPositives.of(np.array([reader]), np.array([item]), num_readers=3, num_items=6)


def test_uniform_negatives_are_all_as_likely_and_never_repeat() -> None:
    generator = rng()
    draws = np.stack([uniform_negatives(generator, 10, 4) for _ in range(5000)])
    assert all(len(set(draw)) == 4 for draw in draws.tolist())
    assert np.bincount(draws.ravel(), minlength=10) / 5000 == pytest.approx(np.full(10, 0.4), abs=0.03)


def test_same_generator_draws_the_same() -> None:
    assert np.array_equal(uniform_negatives(rng(), 1000, 50), uniform_negatives(rng(), 1000, 50))


def test_more_uniform_negatives_than_items_are_refused() -> None:
    assert sorted(uniform_negatives(rng(), 3, 3).tolist()) == [0, 1, 2]
    with pytest.raises(ValueError, match="full softmax"):
        uniform_negatives(rng(), 3, 4)


def test_top_ranked_stands_best_first() -> None:
    scores = np.array([[0.1, 0.9, 0.5, 0.7], [4.0, 3.0, 2.0, 1.0]])
    assert top_ranked(scores, 3).tolist() == [[1, 3, 2], [0, 1, 2]]
    assert top_ranked(scores, 9).tolist() == [[1, 3, 2, 0], [0, 1, 2, 3]]


def test_hard_negatives_worked_by_hand() -> None:
    # reader 0 knows 2 and 5, which leaves 4, 1, 0, 3; the best of them is passed over, the next two are taken
    ranked = np.array([[5, 4, 2, 1, 0, 3]])
    mined, log_q = mine_hard_negatives(rng(), ranked, np.array([0]), KNOWN, skip=1, window=2, count=2)
    assert sorted(mined[0].tolist()) == [0, 1]
    assert log_q.tolist() == [0.0]
    assert log_q.dtype == np.float32


def test_hard_negatives_are_never_known_positives() -> None:
    ranked = np.tile(np.arange(6), (300, 1))
    readers = np.arange(300) % 3
    mined, _ = mine_hard_negatives(rng(), ranked, readers, KNOWN, skip=0, window=6, count=3)
    assert not KNOWN.contains(readers, mined).any()
    assert (mined[readers == 1] != UNKNOWN).all()


def test_hard_negatives_are_drawn_alike_from_the_window() -> None:
    ranked = np.tile(np.arange(6), (8000, 1))
    mined, log_q = mine_hard_negatives(rng(), ranked, np.full(8000, 1), KNOWN, skip=1, window=4, count=2)
    share = np.bincount(mined.ravel(), minlength=6) / 8000
    assert share == pytest.approx([0, 0.5, 0.5, 0.5, 0.5, 0], abs=0.03)
    assert log_q == pytest.approx(np.full(8000, np.log(0.5)), abs=1e-6)
    assert all(len(set(row)) == 2 for row in mined.tolist())


def test_short_list_is_padded() -> None:
    ranked = np.array([[2, 4, UNKNOWN, UNKNOWN], [UNKNOWN] * 4])
    mined, log_q = mine_hard_negatives(rng(), ranked, np.array([0, 0]), KNOWN, skip=0, window=8, count=6)
    assert mined.tolist() == [[4] + [UNKNOWN] * 5, [UNKNOWN] * 6]
    assert log_q.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("skip", "window", "count"), [(-1, 4, 2), (0, 4, 0), (0, 4, 5)])
def test_impossible_mining_is_refused(skip: int, window: int, count: int) -> None:
    with pytest.raises(ValueError, match="window"):
        mine_hard_negatives(rng(), np.zeros((1, 6), int), np.array([0]), KNOWN, skip=skip, window=window, count=count)
