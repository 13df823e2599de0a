"""The funnel's first stage: every source fitted on the same rows, and asked for what the second stage then ranks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.retrieval_ours import TwoTower, first_unseen, fit_others, query_state, trained
from benchmarks.retrieval_protocols import Queries, Split
from benchmarks.retrieval_ratings import Ratings
from retrieval.candidates import Source
from retrieval.config import TwoTowerConfig
from retrieval.query_state import QueryState
from retrieval.sources.covisitation import Covisitation, CovisitationConfig
from retrieval.sources.evidence import Evidence
from retrieval.union import Union, unite

TWO_TOWER = "two_tower"
SOURCES = (TWO_TOWER, "covisitation", "graph_walk", "implicit_als", "implicit_als_taste")
ASKED_FOR = 200
"""Candidates of each source; together they name about 400 different ones of MovieLens 100K."""

_NEWEST = CovisitationConfig(Evidence(last_items=2, recency=0.5))
_TOWERS_AT_ONCE = 1_000


@dataclass(frozen=True, eq=False)
class Asked:
    """union: n candidates, none of them seen.  covisited: (n,) float32, as `ranking.request.CandidateColumns`."""

    union: Union
    covisited: np.ndarray


@dataclass(frozen=True, eq=False)
class Sources:
    """two_tower: asked for all queries at once.  others: asked one by one.  newest: what the last choices alone say.
    fit_s: seconds that fitting took, by source."""

    dataset: Ratings
    two_tower: TwoTower
    others: tuple[Source, ...]
    newest: Covisitation
    fit_s: dict[str, float]

    def vectors(self) -> np.ndarray:
        """(num_items, dim) float32 of norm 1, in the order of the catalogue: the candidate tower's."""
        artefact = self.two_tower.artefact
        vectors = artefact.item_embeddings[:, : artefact.config.towers.dim]  # without a bias, where there is one
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)

    def ask(self, queries: Queries) -> Iterator[Asked]:
        """One answer a query, in their order."""
        for some in queries.batches(_TOWERS_AT_ONCE):
            by_towers = self.two_tower.scores(some)
            for row, scores in enumerate(by_towers):
                yield self._one(some, row, scores)

    def _one(self, queries: Queries, row: int, scores: np.ndarray) -> Asked:
        state = query_state(self.dataset, queries, row)
        seen = self.dataset.item_idx[queries.history[row]]
        named = {TWO_TOWER: first_unseen(self.dataset, scores, seen, ASKED_FOR)}
        named |= {source.name: source.candidates(state, ASKED_FOR, exclude=state.history) for source in self.others}
        union = unite(named)
        return Asked(union, self._covisited(state, union.item_ids))

    def _covisited(self, state: QueryState, item_ids: np.ndarray) -> np.ndarray:
        near = self.newest.candidates(state, self.dataset.num_items, exclude=state.history)
        by_item = np.zeros(self.dataset.num_items, np.float32)
        by_item[self.dataset.item_map.idx_of(near.item_ids)] = near.scores
        return by_item[self.dataset.item_map.idx_of(item_ids)]


def fit_sources(dataset: Ratings, split: Split, *, seed: int, config: TwoTowerConfig | None = None) -> Sources:
    """All of them on `split.train_rows`, and on nothing else."""
    begun = time.perf_counter()
    others = fit_others(dataset, split, seed)
    fitted = time.perf_counter()
    two_tower = TwoTower(dataset, trained(dataset, split, seed, config))
    fit_s = dict.fromkeys((source.name for source in others), (fitted - begun) / len(others))
    fit_s[TWO_TOWER] = time.perf_counter() - fitted
    return Sources(dataset, two_tower, others, newest_choices(others), fit_s)


def newest_choices(others: Sequence[Source]) -> Covisitation:
    """Co-visitation with the last two choices alone, by the graph of co-visitation with the last ten."""
    graph = next(source.graph for source in others if isinstance(source, Covisitation))
    return Covisitation.fit(graph, _NEWEST)
