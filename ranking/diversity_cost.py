"""What diversity costs and what it buys, beside the plain order of the same candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from ranking.caps import NO_CAPS
from ranking.exploration import NO_EXPLORATION
from ranking.metrics import ndcg_at_k
from ranking.slate import make_slate
from ranking.slate_config import NO_RULES, ScoredCandidates, SlateConfig, SlateRules


@dataclass(frozen=True)
class DiversityCost:
    """Of a page in plain order and of the one made by caps or MMR: NDCG of the page, from 0 to 1, NaN where nothing
    was chosen; and intra-list distance, NaN for fewer than two items with a vector."""

    ndcg_plain: float
    ndcg: float
    distance_plain: float
    distance: float

    @property
    def ndcg_lost(self) -> float:
        """Of the plain order's NDCG, the share; below 0 where diversity won."""
        return 1 - self.ndcg / self.ndcg_plain if self.ndcg_plain else float("nan")

    @property
    def distance_gained(self) -> float:
        return self.distance - self.distance_plain

    def __str__(self) -> str:
        return (
            f"NDCG {self.ndcg_plain:.4f} -> {self.ndcg:.4f} (-{self.ndcg_lost:.1%}), "
            f"intra-list distance {self.distance_plain:.3f} -> {self.distance:.3f} ({self.distance_gained:+.3f})"
        )


def diversity_cost(
    candidates: ScoredCandidates, gains: np.ndarray, config: SlateConfig, *, rules: SlateRules = NO_RULES
) -> DiversityCost:
    """Of one page, without exploration. gains: (n,), what the reader's choice of each candidate was worth; 0 for none.

    Raises ValueError for candidates without vectors.
    """
    if candidates.vectors is None:
        raise ValueError("Distances need vectors: give the candidates' own, or of norm 1 by topic.")
    plain = replace(config, diversity=NO_CAPS, exploration=NO_EXPLORATION)
    values = []
    for each in (plain, replace(config, exploration=NO_EXPLORATION)):
        slate = make_slate(candidates, seed=0, rules=rules, config=each)
        rows = _rows(candidates, slate.item_ids)
        values.append((_ndcg(gains, rows), intra_list_distance(candidates.vectors[rows])))
    (ndcg_plain, distance_plain), (ndcg, distance) = values
    return DiversityCost(ndcg_plain, ndcg, distance_plain, distance)


def mean_cost(costs: Sequence[DiversityCost]) -> DiversityCost:
    """Each figure's mean over the pages that have it."""
    means = []
    for figure in fields(DiversityCost):
        values = np.array([getattr(cost, figure.name) for cost in costs], np.float64)
        known = values[~np.isnan(values)]
        means.append(float(known.mean()) if len(known) else float("nan"))
    return DiversityCost(*means)


def intra_list_distance(vectors: np.ndarray) -> float:
    """Mean over all pairs of 1 - cosine, from 0 (all the same) to 2; NaN for fewer than two.

    vectors: (items, dim) of norm 1. The complement of the intra-list similarity of Ziegler, McNee, Konstan and Lausen,
    WWW 2005, "Improving recommendation lists through topic diversification".
    """
    n = len(vectors)
    if n < 2:
        return float("nan")
    total = vectors.sum(axis=0, dtype=np.float64)
    squares = float(np.einsum("ij,ij->", vectors, vectors, dtype=np.float64))
    return 1 - (float(total @ total) - squares) / (n * (n - 1))


def _rows(candidates: ScoredCandidates, item_ids: Sequence[int]) -> np.ndarray:
    """Of those that are candidates: pinned items need not be."""
    row_of = {item_id: row for row, item_id in enumerate(candidates.item_ids.tolist())}
    return np.array([row_of[item_id] for item_id in item_ids if item_id in row_of], np.int64)


def _ndcg(gains: np.ndarray, rows: np.ndarray) -> float:
    """Against the best page that these candidates could have made; what is not on the page lies below it."""
    if not len(rows):
        return float("nan")
    scores = np.full(len(gains), -float(len(gains)))
    scores[rows] = -np.arange(len(rows), dtype=np.float64)
    return float(ndcg_at_k(scores, gains, np.array([len(gains)]), len(rows))[0])
