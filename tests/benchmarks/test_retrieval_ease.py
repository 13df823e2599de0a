from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from benchmarks import retrieval_ease
from benchmarks.retrieval_ease import ease_weights


def test_two_items_by_hand() -> None:
    """X'X = [[2, 1], [1, 1]], with the penalty 1 [[3, 1], [1, 2]], inverse [[2, -1], [-1, 3]] / 5."""
    chosen = sparse.csr_matrix(np.array([[1, 1], [1, 0]], np.float32))
    assert ease_weights(chosen, 1.0).tolist() == [pytest.approx([0, 1 / 3]), pytest.approx([1 / 2, 0])]


def test_blocks_and_buffers_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval_ease, "_COLUMNS_AT_ONCE", 7)
    chosen = (np.random.default_rng(0).random((80, 30)) < 0.2).astype(np.float64)
    inverse = np.linalg.inv(chosen.T @ chosen + 5 * np.eye(30))
    wanted = -inverse / np.diag(inverse)
    np.fill_diagonal(wanted, 0)
    assert np.allclose(ease_weights(sparse.csr_matrix(chosen.astype(np.float32)), 5.0), wanted, atol=1e-5)


def test_an_item_that_nobody_chose_says_nothing() -> None:
    weights = ease_weights(sparse.csr_matrix(np.array([[1, 1, 0], [1, 1, 0]], np.float32)), 1.0)
    assert weights[2].tolist() == weights[:, 2].tolist() == [0, 0, 0]


def test_a_penalty_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="without one above 0"):
        ease_weights(sparse.csr_matrix(np.eye(2, dtype=np.float32)), 0.0)
