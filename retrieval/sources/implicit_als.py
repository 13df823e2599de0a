"""iALS: taste as a vector, learnt from the whole matrix of readers and items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from retrieval.candidates import NO_CANDIDATES, Candidates
from retrieval.ids import IdMap
from retrieval.index import Index, IndexConfig
from retrieval.interactions import Interactions
from retrieval.query_state import QueryState
from retrieval.sources.choosing import at_least_one, best
from retrieval.sources.distinct import strongest_of_pairs
from retrieval.sources.evidence import LAST_TWENTY, Evidence


@dataclass(frozen=True)
class ImplicitAlsConfig:
    """factors: length of a vector.  iterations: rounds of alternation.  seed: of the first, random vectors.
    regularization: pulls vectors towards 0, in units of the mean number of choices of a reader or an item, so that
    a small site's vectors are not crushed by what suits a large one.
    alpha: the confidence in a choice is 1 + alpha x weight, beside 1 for an item that was not chosen.
    evidence: how a history is read when a reader is folded in. Read from the end, the vector tells what comes next;
    `LASTING_TASTE` makes it tell what she likes in the long run.

    The defaults did best on the second last item of each reader of ML-100K.
    """

    evidence: Evidence = LAST_TWENTY
    factors: int = 64
    iterations: int = 15
    regularization: float = 0.8
    alpha: float = 3.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.factors < 1 or self.iterations < 1:
            raise ValueError(f"factors ({self.factors}) and iterations ({self.iterations}) must be 1 or more.")
        if self.alpha <= 0 or self.regularization <= 0:
            raise ValueError(f"alpha ({self.alpha}) and regularization ({self.regularization}) must be above 0.")


@dataclass(frozen=True, eq=False)
class ImplicitAls:
    """Implicit-feedback matrix factorisation after Hu, Koren and Volinsky, ICDM 2008, fitted by the library `implicit`.

    Readers' vectors are not kept: whoever asks is folded in from her history, by the equations that fitting solves
    for a row, so that the newest choice counts and a reader of whom the fit knew nothing is as good as any other.

    items: the ids of the rows.  item_factors: (num_items, factors) float32.
    gram: (factors, factors) float64, item_factors.T @ item_factors + lambda x identity, lambda as it was fitted with.
    index: of the item factors, where there are too many to score them all for every reader; `with_index`.
    """

    items: IdMap
    item_factors: np.ndarray
    gram: np.ndarray
    config: ImplicitAlsConfig
    name: str = "implicit_als"
    index: Index | None = None

    def __post_init__(self) -> None:
        factors = self.config.factors
        if self.item_factors.shape != (len(self.items), factors) or self.gram.shape != (factors, factors):
            raise ValueError(
                f"item_factors {self.item_factors.shape} and gram {self.gram.shape} do not fit {len(self.items)} items "
                f"of {factors} factors."
            )

    @classmethod
    def fit(cls, interactions: Interactions, config: ImplicitAlsConfig) -> ImplicitAls:
        """Needs `implicit`, which asking does not. On one thread: the same interactions give the same vectors.

        Raises ValueError when there is nothing to learn from.
        """
        if not len(interactions):
            raise ValueError("iALS has no interactions to learn from. Leave this source out until there are some.")
        readers, item_ids, weights = strongest_of_pairs(interactions, interactions.weights)
        items = IdMap(np.unique(item_ids))
        _, reader_idx = np.unique(readers, return_inverse=True)
        pull = config.regularization * len(item_ids) / (len(np.unique(reader_idx)) + len(items))
        matrix = sparse.csr_matrix(
            (1.0 + config.alpha * weights, (reader_idx, items.idx_of(item_ids))), dtype=np.float32
        )
        item_factors = _factorised(matrix, pull, config)
        exact = item_factors.astype(np.float64)
        return cls(items, item_factors, exact.T @ exact + pull * np.eye(config.factors), config)

    def reading(self, evidence: Evidence, *, name: str) -> ImplicitAls:
        """The same vectors, with histories read in another way: a second source at no cost of memory."""
        return replace(self, config=replace(self.config, evidence=evidence), name=name)

    def with_index(self, config: IndexConfig, histories: Sequence[QueryState]) -> ImplicitAls:
        """The same, searching in an index, built for readers like those who have these histories."""
        told = [self.config.evidence.of(state, self.items) for state in histories]
        queries = np.stack([self.reader_vector(*read) for read in told if len(read[0])]).astype(np.float32)
        return replace(self, index=Index.build(self.item_factors, self.items.item_ids, config, queries=queries))

    def candidates(self, state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        """See `Source.candidates`. A history without a known item brings none."""
        rows, weights, shares = self.config.evidence.of(state, self.items)
        if not len(rows):
            return NO_CANDIDATES
        vector = self.reader_vector(rows, weights, shares).astype(np.float32)
        if self.index is not None:
            at_least_one(k)
            return self.index.search(vector, k, exclude)
        scores = self.item_factors @ vector
        return best(self.items.item_ids, scores, k, exclude=exclude)

    def reader_vector(self, rows: np.ndarray, weights: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """The vector of a reader who chose the items of `rows`, with these weights, all (n,): (factors,) float64.

        A choice of which a share is left stands in the equations so far as chosen, for the rest as not chosen: what
        is forgotten altogether leaves no trace. With every share 1 they are those of the paper.
        """
        chosen = self.item_factors[rows].astype(np.float64)  # (n, factors)
        extra = shares * self.config.alpha * weights  # (n,); confidence above that in an item that was not chosen
        left = self.gram + (chosen.T * extra) @ chosen  # (factors, factors)
        return np.linalg.solve(left, (shares + extra) @ chosen)


def _factorised(matrix: sparse.csr_matrix, pull: float, config: ImplicitAlsConfig) -> np.ndarray:
    """(num_items, factors) float32, from confidences, (num_readers, num_items)."""
    from implicit.cpu.als import AlternatingLeastSquares  # noqa: PLC0415 - serving does without
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 - comes with implicit

    with threadpool_limits(1, "blas"):  # else implicit warns, rightly: its many small products get slower
        model = AlternatingLeastSquares(
            factors=config.factors,
            regularization=pull,
            alpha=1.0,  # the confidences hold it
            iterations=config.iterations,
            num_threads=1,
            random_state=config.seed,
        )
        model.fit(matrix, show_progress=False)
    return model.item_factors
