from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from retrieval.sources.evidence import LASTING_TASTE, Evidence
from retrieval.sources.implicit_als import ImplicitAls, ImplicitAlsConfig
from tests.retrieval.sources.states import log_of, reader_of
from tests.retrieval.sources.worlds import NUM_ITEMS, NUM_READERS, even_readers_like_even_items

SMALL = ImplicitAlsConfig(evidence=LASTING_TASTE, factors=6, iterations=10, regularization=0.1, alpha=5.0)
WORLD = even_readers_like_even_items()
FITTED = ImplicitAls.fit(WORLD, SMALL)


@pytest.fixture(scope="module")
def by_implicit() -> tuple[AlternatingLeastSquares, sparse.csr_matrix]:
    """The library's own model of the same world, and the confidences from which it was fitted."""
    confidences = np.full(len(WORLD), 1.0 + SMALL.alpha, np.float32)
    matrix = sparse.csr_matrix((confidences, (WORLD.reader_ids, WORLD.item_ids)))
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=SMALL.factors,
            regularization=SMALL.regularization * len(WORLD) / (NUM_READERS + NUM_ITEMS),
            iterations=SMALL.iterations,
            num_threads=1,
            random_state=SMALL.seed,
        )
        model.fit(matrix, show_progress=False)
    return model, matrix


def items_of(reader: int) -> np.ndarray:
    return WORLD.item_ids[WORLD.reader_ids == reader]


@pytest.mark.parametrize("reader", [0, 1, 17])
def test_folding_a_reader_in_agrees_with_implicit(
    by_implicit: tuple[AlternatingLeastSquares, sparse.csr_matrix], reader: int
) -> None:
    model, matrix = by_implicit
    evidence = SMALL.evidence.of(reader_of(items_of(reader).tolist()), FITTED.items)
    assert FITTED.reader_vector(*evidence) == pytest.approx(
        model.recalculate_user(reader, matrix[reader]), rel=1e-3, abs=1e-4
    )


@pytest.mark.parametrize("reader", [0, 1, 17])
def test_what_is_proposed_agrees_with_implicit(
    by_implicit: tuple[AlternatingLeastSquares, sparse.csr_matrix], reader: int
) -> None:
    model, matrix = by_implicit
    ids, scores = model.recommend(reader, matrix[reader], N=5, filter_already_liked_items=True, recalculate_user=True)
    own = items_of(reader)
    proposed = FITTED.candidates(reader_of(own.tolist()), 5, exclude=own)
    assert proposed.item_ids.tolist() == ids.tolist()
    assert proposed.scores == pytest.approx(scores, abs=1e-3)


@pytest.mark.parametrize("withheld", [0, 7, 22, 39])
def test_an_item_withheld_from_a_reader_of_its_kind_comes_first(withheld: int) -> None:
    own = np.setdiff1d(np.arange(withheld % 2, NUM_ITEMS, 2), [withheld])
    assert FITTED.candidates(reader_of(own.tolist()), 1, exclude=own).item_ids.tolist() == [withheld]


def test_a_reader_whom_the_fit_did_not_know_is_as_good_as_any() -> None:
    proposed = FITTED.candidates(reader_of([2, 4, 6]), 10, exclude=np.array([2, 4, 6]))
    assert (proposed.item_ids % 2 == 0).all()


def test_what_was_chosen_last_counts_most_where_the_config_says_so() -> None:
    two_tastes = ImplicitAls.fit(WORLD, replace(SMALL, factors=2))
    newest = two_tastes.reading(Evidence(last_items=20, recency=0.2), name="implicit_als_newest")
    history = [1, 3, 5, 2, 4, 6]
    evens_last = newest.candidates(reader_of(history), 10, exclude=np.array(history))
    odds_last = newest.candidates(reader_of(history[::-1]), 10, exclude=np.array(history))
    assert (evens_last.item_ids % 2 == 0).all()
    assert (odds_last.item_ids % 2 == 1).all()


def test_a_choice_that_is_all_but_forgotten_leaves_no_trace() -> None:
    forgotten = FITTED.reader_vector(np.array([2, 3]), np.ones(2), np.array([1.0, 1e-12]))
    assert forgotten == pytest.approx(FITTED.reader_vector(np.array([2]), np.ones(1), np.ones(1)))


def test_another_reading_shares_the_vectors_and_has_its_own_name() -> None:
    newest = FITTED.reading(Evidence(last_items=20, recency=0.2), name="implicit_als_newest")
    assert newest.item_factors is FITTED.item_factors
    assert (FITTED.name, newest.name) == ("implicit_als", "implicit_als_newest")


def test_a_reader_counts_once_for_an_item_however_often_she_came() -> None:
    once = log_of((1, 1, 0), (1, 2, 1), (2, 2, 2, 3.0), (2, 3, 3))
    again = log_of((1, 1, 0), (1, 2, 1), (1, 2, 1.5), (2, 2, 2, 3.0), (2, 2, 2.5), (2, 3, 3))
    assert np.array_equal(ImplicitAls.fit(once, SMALL).item_factors, ImplicitAls.fit(again, SMALL).item_factors)


def test_the_same_seed_gives_the_same_vectors_and_another_gives_others() -> None:
    assert np.array_equal(ImplicitAls.fit(WORLD, SMALL).item_factors, FITTED.item_factors)
    assert not np.array_equal(ImplicitAls.fit(WORLD, replace(SMALL, seed=1)).item_factors, FITTED.item_factors)


def test_the_defaults_do_not_crush_the_vectors_of_a_small_site() -> None:
    source = ImplicitAls.fit(WORLD, ImplicitAlsConfig())
    assert (source.candidates(reader_of([2, 4, 6]), 10, exclude=np.array([2, 4, 6])).item_ids % 2 == 0).all()


def test_fitting_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ImplicitAls.fit(WORLD, SMALL)
    assert capfd.readouterr() == ("", "")


def test_asking_does_not_need_implicit() -> None:
    asking = """
import sys
import numpy as np
from datetime import UTC, datetime
from retrieval.ids import IdMap
from retrieval.query_state import QueryState
from retrieval.sources.implicit_als import ImplicitAls, ImplicitAlsConfig
source = ImplicitAls(IdMap(np.array([7, 8])), np.eye(2, dtype=np.float32), np.eye(2), ImplicitAlsConfig(factors=2))
state = QueryState(datetime(2026, 1, 1, tzinfo=UTC), np.array([7]), ("click",), np.zeros(1, np.float32))
assert source.candidates(state, 1, exclude=np.empty(0, np.int64)).item_ids.tolist() == [7]
assert "implicit" not in sys.modules and "django" not in sys.modules and "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", asking], check=True)


def test_nothing_to_learn_from_is_a_named_error() -> None:
    with pytest.raises(ValueError, match="no interactions"):
        ImplicitAls.fit(WORLD.before(-1.0), SMALL)


def test_arrays_and_configs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="factors"):
        replace(FITTED, config=replace(SMALL, factors=5))
    with pytest.raises(ValueError, match="alpha"):
        ImplicitAlsConfig(alpha=0.0)
    with pytest.raises(ValueError, match="iterations"):
        ImplicitAlsConfig(iterations=0)
