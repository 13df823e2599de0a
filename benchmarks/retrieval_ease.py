"""EASE in one float32 buffer of num_items x num_items, so that 25,000 items fit in 2.5 GB.

Steck, WWW 2019, "Embarrassingly shallow autoencoders for sparse data".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

from benchmarks.retrieval_matrix import history_matrix, training_matrix
from benchmarks.retrieval_protocols import Queries, Scorer, Split
from benchmarks.retrieval_ratings import Ratings

MOST_ITEMS = 27_000
"""The buffer takes 4 x num_items^2 bytes, here 2.9 GB."""

_COLUMNS_AT_ONCE = 512


def fit_ease(dataset: Ratings, split: Split, *, seed: int, penalty: float) -> Scorer:
    """A linear model that foresees each item from all others, ridge penalty `penalty` (the paper's lambda)."""
    return Ease(dataset, ease_weights(training_matrix(dataset, split)[1], penalty))


@dataclass(frozen=True, eq=False)
class Ease:
    """weights: (num_items, num_items) float32, what having the row's item says for the column's."""

    dataset: Ratings
    weights: np.ndarray

    def scores(self, queries: Queries) -> np.ndarray:
        return history_matrix(self.dataset, queries) @ self.weights


def ease_weights(chosen: sparse.csr_matrix, penalty: float) -> np.ndarray:
    """B = -P / diag(P) column by column with a zero diagonal, where P = inverse of (X'X + penalty I).

    chosen: X, (readers, num_items).  penalty: above 0; raises ValueError otherwise.
    """
    if not penalty > 0:
        raise ValueError(f"penalty is {penalty}; without one above 0 the matrix may have no inverse.")
    weights = _gram(chosen)
    np.fill_diagonal(weights, weights.diagonal() + np.float32(penalty))
    _invert(weights)
    np.divide(weights, -weights.diagonal(), out=weights)
    np.fill_diagonal(weights, 0)
    return weights


def _gram(chosen: sparse.csr_matrix) -> np.ndarray:
    """X'X, some columns at a time: as a sparse product it would take several times the memory of the dense one."""
    num_items = chosen.shape[1]
    columns, rows = chosen.tocsc(), chosen.T.tocsr()
    gram = np.empty((num_items, num_items), np.float32)
    for begin in range(0, num_items, _COLUMNS_AT_ONCE):
        some = slice(begin, begin + _COLUMNS_AT_ONCE)
        gram[some] = (rows @ columns[:, some]).T.toarray()
    return gram


def _invert(matrix: np.ndarray) -> None:
    """Invert a symmetric positive definite C-ordered float32 matrix in place, by Cholesky.

    LAPACK thinks in columns, so it is handed the transpose, which is the same memory and, being symmetric, the same
    matrix. It fills one triangle; the other is mirrored.
    """
    _, failed = lapack.spotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
    if failed:
        raise ValueError(f"The matrix is not positive definite (LAPACK spotrf: {failed}).")
    lapack.spotri(matrix.T, lower=1, overwrite_c=1)
    for begin in range(0, len(matrix), _COLUMNS_AT_ONCE):
        end = min(begin + _COLUMNS_AT_ONCE, len(matrix))
        block = np.triu(matrix[begin:end, begin:end])
        matrix[begin:end, begin:end] = block + np.triu(block, 1).T
        matrix[end:, begin:end] = matrix[begin:end, end:].T
