"""Item-to-item co-visitation: what others chose near the items that this reader chose last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrieval.candidates import NO_CANDIDATES, Candidates
from retrieval.query_state import QueryState
from retrieval.sources.choosing import best
from retrieval.sources.covisitation_graph import CovisitationGraph
from retrieval.sources.evidence import LAST_TEN, Evidence
from retrieval.sources.row_sums import sums_by_row


@dataclass(frozen=True)
class CovisitationConfig:
    """row_power: an item's arrows are divided by its mass to this power: at 0 a popular item of the history speaks
    louder than others, at 1 about as loud.
    end_power: what an item receives is divided by its mass to this power: above 0 a popular item must be named more
    often than its popularity makes it.

    The defaults did best on the second last item of each reader of ML-100K.
    """

    evidence: Evidence = LAST_TEN
    row_power: float = 0.5
    end_power: float = 0.2


@dataclass(frozen=True, eq=False)
class Covisitation:
    """Sums the arrows that leave the last items of a history."""

    graph: CovisitationGraph
    config: CovisitationConfig
    name: str = "covisitation"

    @classmethod
    def fit(cls, graph: CovisitationGraph, config: CovisitationConfig) -> Covisitation:
        """All that is learnt is the graph, which a graph walk may share."""
        return cls(graph, config)

    def candidates(self, state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        """See `Source.candidates`. A history without an item of the graph brings none."""
        reached, scores = self.scores(state)
        if not len(reached):
            return NO_CANDIDATES
        return best(self.graph.items.item_ids[reached], scores, k, exclude=exclude)

    def scores(self, state: QueryState) -> tuple[np.ndarray, np.ndarray]:
        """What is reached at all: (n,) rows of the graph's items, rising, and their scores, (n,) float64."""
        graph, config = self.graph, self.config
        rows, said, shares = config.evidence.of(state, graph.items)
        near, far, weights = graph.arrows(rows)
        amounts = said * shares / graph.masses[rows] ** config.row_power
        reached, sums = sums_by_row(far, weights * amounts[near], len(graph.items))
        return reached, sums / graph.masses[reached] ** config.end_power
