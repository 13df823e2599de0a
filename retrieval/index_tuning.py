"""How much an approximate search must spend for a recall goal: measured, not assumed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import faiss
import numpy as np

from retrieval import index_ann
from retrieval.index_base import EXACTLY, Base, Tuning
from retrieval.index_config import IndexConfig, Kind
from retrieval.index_rows import OpenRows
from retrieval.index_vectors import ItemVectors, inner_products

_FETCHES = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0)
_QUANTISATION_MAY_LOSE = 0.4
"""Of the loss that the recall goal allows; the rest is left to probing fewer lists."""

_MARGIN_ERRORS = 3.0
_FIRST_EFFORT = 8
_EFFORT_STEP = 1 / 100


def tuned_base(items: ItemVectors, config: IndexConfig, queries: np.ndarray) -> Base:
    """Of the kind that was asked for; where it goes by size, of the first that finds what `recall_goal` promises.

    queries: (n, dim) float32, all of which are measured on.

    Raises ValueError when there are none, and an approximate index is to be built.
    """
    exact = Base(items, Kind.EXACT, None, EXACTLY, config.recall_at)
    kinds = [kind for kind in config.kinds_for(len(items)) if kind is not Kind.EXACT]
    if not kinds:
        return exact
    if not len(queries):
        raise ValueError(
            f"{len(items):,} items are searched approximately, and how much to spend is measured on queries: give "
            "vectors of the query tower as `queries`, or choose Kind.EXACT."
        )
    answers = _Answers.of(queries, items.vectors, config.recall_at)
    for kind in kinds:
        base = replace(exact, kind=kind, ann=index_ann.built(kind, items.vectors, queries, config))
        base = replace(base, tuning=_Trial(base, answers).tuning(config.recall_goal))
        if config.kind is not None or base.tuning.recall >= config.recall_goal:
            return base
    return exact


@dataclass(frozen=True, eq=False)
class _Answers:
    """Of an exact search for `k` items: for each of the queries, (n, dim), the score of the last one, (n,)."""

    queries: np.ndarray
    k: int
    least_scores: np.ndarray

    @classmethod
    def of(cls, queries: np.ndarray, vectors: np.ndarray, recall_at: int) -> _Answers:
        k = min(recall_at, len(vectors))
        _, rows = faiss.knn(queries, vectors, k, metric=faiss.METRIC_INNER_PRODUCT)  # many at once: a tenth of the time
        return cls(
            queries, k, np.array([_least(query, vectors[best]) for query, best in zip(queries, rows, strict=True)])
        )


class _Trial:
    """Tries amounts of effort on sample queries whose exact answers are known."""

    def __init__(self, base: Base, answers: _Answers) -> None:
        self.base = base
        self._answers = answers

    def tuning(self, goal: float) -> Tuning:
        """The least that reaches `goal` with a margin for the error of the sample; all there is when nothing does."""
        fetch = self._fetch(1 - (1 - goal) * _QUANTISATION_MAY_LOSE)
        least = index_ann.least_effort(self.base.kind, math.ceil(self._answers.k * fetch))
        most = self.base.most_effort
        too_little, enough = least - 1, max(least, min(_FIRST_EFFORT, most))
        while enough < most and not self._reaches(goal, enough, fetch):
            too_little, enough = enough, min(2 * enough, most)
        while enough - too_little > max(1, enough * _EFFORT_STEP):
            between = (too_little + enough) // 2
            if self._reaches(goal, between, fetch):
                enough = between
            else:
                too_little = between
        return Tuning(enough, fetch, float(self._recalls(enough, fetch).mean()))

    def _fetch(self, goal: float) -> float:
        """How many candidates to fetch for each wanted one: quantised scores alone would put them in a wrong order."""
        if self.base.kind is Kind.HNSW:  # its scores are those of the float32 vectors
            return 1.0
        most = self.base.most_effort
        for fetch in _FETCHES[:-1]:
            if self._recalls(most, fetch).mean() >= goal:
                return fetch
        return _FETCHES[-1]

    def _reaches(self, goal: float, effort: int, fetch: float) -> bool:
        recalls = self._recalls(effort, fetch)
        error = recalls.std() / math.sqrt(len(recalls))
        return bool(recalls.mean() - _MARGIN_ERRORS * error >= goal)

    def _recalls(self, effort: int, fetch: float) -> np.ndarray:
        """(num_queries,): the share of the exact answer that a search with this effort finds.

        Without the exact search that steps in for too few: it would make the least effort look perfect.
        """
        tried = replace(self.base, tuning=Tuning(effort, fetch, recall=math.nan))
        every_row, k = OpenRows.all_of(len(tried.items)), self._answers.k
        found = [tried.approximately(query, k, k, every_row)[1] for query in self._answers.queries]
        hits = [(scores >= least).sum() for scores, least in zip(found, self._answers.least_scores, strict=True)]
        return np.array(hits) / k


def _least(query: np.ndarray, best: np.ndarray) -> float:
    """By the kernel that scores what is found, to whose last bit whatever scores as high belongs to an exact answer."""
    return float(inner_products(query, best).min())
