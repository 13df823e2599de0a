"""The part of an index that is built once and then shared by every later version."""

from __future__ import annotations

import math
from dataclasses import dataclass

import faiss
import numpy as np

from retrieval import index_ann
from retrieval.index_ann import Ann
from retrieval.index_config import Kind
from retrieval.index_rows import OpenRows
from retrieval.index_vectors import ItemVectors, best, best_rows, inner_products

_REACH = 0.4
"""Probes for the same recall grow with the number of wanted items to this power: measured at 1M items, 300 to 2,400."""

_EXACT_FROM = 1 / 8
"""Fetching more than this share of the items is no faster than looking at all of them."""


@dataclass(frozen=True)
class Tuning:
    """What a search of the base spends.

    effort: nprobe or efSearch for `recall_at` items of which none is closed.
    fetch: rows fetched for each that is handed out, before their order is settled by float32 vectors.
    recall: measured with these on sample queries; 1 for an exact search.
    """

    effort: int
    fetch: float
    recall: float


EXACTLY = Tuning(effort=0, fetch=1.0, recall=1.0)


@dataclass(frozen=True, eq=False)
class Base:
    """ann: its rows are those of `items`; None for the exact kind."""

    items: ItemVectors
    kind: Kind
    ann: Ann | None
    tuning: Tuning
    recall_at: int

    def nearest(
        self, query: np.ndarray, k: int, open_rows: OpenRows, *, depth: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The rows of the `k` best open items and their scores, best first; fewer when no more are open.

        depth: how far down the ranking of all open items the `k` are expected to lie; `k` by default.
        Returns (n,) int64 and (n,) float32.
        """
        k = min(k, open_rows.count)
        depth = depth or k
        if self.ann is not None and k and self.wanted(k, depth) < _EXACT_FROM * len(self.items):
            rows, scores = self.approximately(query, k, depth, open_rows)
            if len(rows) == k:
                return rows, scores
        return self._exactly(query, k, open_rows)

    def approximately(
        self, query: np.ndarray, k: int, depth: int, open_rows: OpenRows
    ) -> tuple[np.ndarray, np.ndarray]:
        """What `ann` finds with the tuned effort: fewer than `k` when the lists it looks at hold no more."""
        wanted = self.wanted(k, depth)
        if self.ann is None:
            raise ValueError("An exact base has nothing that could be searched approximately.")
        rows = self.ann.fetched(query, wanted, self.asked(wanted, depth, open_rows))
        return best(inner_products(query, self.items.vectors.take(rows, axis=0)), rows, k)

    def wanted(self, k: int, depth: int) -> int:
        """How many rows to fetch for `k`: the deeper, the closer scores lie and the more quantisation mixes them."""
        return k + math.ceil((self.tuning.fetch - 1) * depth)

    def asked(self, wanted: int, depth: int, open_rows: OpenRows) -> faiss.SearchParameters:
        asked = open_rows.asked.get((wanted, depth))
        if asked is None:
            asked = index_ann.parameters(self.kind, self.effort(wanted, depth, open_rows), open_rows.selector())
            open_rows.asked[wanted, depth] = asked
        return asked

    def effort(self, wanted: int, depth: int, open_rows: OpenRows) -> int:
        """nprobe or efSearch for `wanted` rows: more than was tuned when they lie deep, or many rows are closed."""
        reach = max(1.0, depth / self.recall_at) * len(self.items) / open_rows.count
        effort = math.ceil(self.tuning.effort * reach**_REACH)
        least = index_ann.least_effort(self.kind, max(wanted, depth))
        return min(max(effort, least), self.most_effort)

    @property
    def most_effort(self) -> int:
        """More than this finds no more; nothing for an exact search."""
        return 0 if self.ann is None else index_ann.most_effort(self.kind, self.ann)

    def _exactly(self, query: np.ndarray, k: int, open_rows: OpenRows) -> tuple[np.ndarray, np.ndarray]:
        scores = inner_products(query, self.items.vectors)
        if open_rows.bits is not None:
            np.putmask(scores, open_rows.closed, -np.inf)
        return best_rows(scores, k)
