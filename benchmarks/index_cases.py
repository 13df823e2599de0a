"""The searches that are measured: ours, and the bare FAISS call that answers the same with the same parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import faiss
import numpy as np

from benchmarks.index_world import World
from retrieval.index import Index
from retrieval.index_ann import Ann
from retrieval.index_rows import OpenRows
from retrieval.index_vectors import ItemVectors, inner_products

K = 300
FILTERED = (0.05, 0.5)
EXCLUDED = (200, 2_000)
UPSERTED = (1_000, 10_000)

_DEPTH = 6_000
"""How many of the best items of a query are looked up exactly: enough for K of them to be left in every case."""

Search = Callable[[int], object]
"""Of the query with this number."""


@dataclass(frozen=True, eq=False)
class Truth:
    """The best items of each query, exactly.  rows, scores: (num_queries, depth), best first."""

    rows: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, world: World) -> Truth:
        depth = min(_DEPTH, len(world.items))
        rows, scores = [], []
        for query in world.queries:
            products = inner_products(query, world.items)
            best = np.argpartition(products, len(products) - depth)[len(products) - depth :]
            best = best[np.argsort(-products[best])]
            rows.append(best)
            scores.append(products[best])
        return cls(np.array(rows), np.array(scores))

    def least_scores(self, closed: Sequence[np.ndarray]) -> np.ndarray:
        """(num_queries,): the score of the last of the K best, when the rows `closed[i]` do not count for query i."""
        left = [self.scores[i][~np.isin(self.rows[i], rows)][:K] for i, rows in enumerate(closed)]
        return np.array([scores[-1] for scores in left])


@dataclass(frozen=True, eq=False)
class Case:
    """ours: the search.  bare: calls to compare it with, by name.  least_scores: (num_queries,), None for no recall."""

    name: str
    ours: Search
    bare: dict[str, Search] = field(default_factory=dict)
    least_scores: np.ndarray | None = None

    def recall(self, num_queries: int) -> float | None:
        """The share of the K best that `ours` finds, a mean over queries."""
        if self.least_scores is None:
            return None
        found = [self.ours(i).scores for i in range(num_queries)]  # type: ignore[attr-defined]
        return float(
            np.mean([(scores >= least).mean() for scores, least in zip(found, self.least_scores, strict=True)])
        )


def plain(index: Index, world: World, truth: Truth, name: str) -> Case:
    none_closed = [np.empty(0, np.int64)] * len(world.queries)
    return Case(
        name,
        lambda i: index.search(world.queries[i], K),
        _bare(index, world, index.open_rows),
        truth.least_scores(none_closed),
    )


def filtered(index: Index, world: World, truth: Truth, share: float, rng: np.random.Generator) -> Case:
    """Prepared once: the rows are closed in the index, as deleted ones are."""
    rows = np.flatnonzero(rng.random(len(world.items)) < share)
    left = index.apply(deletes=world.item_ids[rows])
    return Case(
        f"{share:.0%} filtered",
        lambda i: left.search(world.queries[i], K),
        _bare(index, world, left.open_rows),
        truth.least_scores([rows] * len(world.queries)),
    )


def excluding(index: Index, world: World, truth: Truth, count: int, rng: np.random.Generator) -> Case:
    """Items handed over with the query, as seen ones are: half of them among the nearest, half anywhere."""
    near = [rng.choice(rows[:count], count // 2, replace=False) for rows in truth.rows]
    rows = [np.concatenate([few, rng.integers(len(world.items), size=count - len(few))]) for few in near]
    item_ids = [world.item_ids[few] for few in rows]
    return Case(
        f"{count:,} excluded",
        lambda i: index.search(world.queries[i], K, item_ids[i]),
        least_scores=truth.least_scores(rows),
    )


def upserted(index: Index, world: World, count: int, rng: np.random.Generator) -> Case:
    """Items that were added since the build. They are copies of others: what they cost is asked here, not recall."""
    rows = rng.choice(len(world.items), count, replace=False)
    fresh = ItemVectors(world.item_ids[-1] + 1 + np.arange(count), world.items[rows])
    grown = index.apply(upserts=fresh)
    return Case(f"{count:,} upserted", lambda i: grown.search(world.queries[i], K))


def _bare(index: Index, world: World, open_rows: OpenRows) -> dict[str, Search]:
    """`faiss`: the call that gives what `search` gives, as rows. `faiss scan`: without the float32 order at its end."""
    base = index.base
    flat = faiss.IndexFlatIP(index.dim)
    flat.add(world.items)
    if base.ann is None:
        return {"faiss": _call(flat, world, K, faiss.SearchParameters(sel=open_rows.selector()))}
    wanted = base.wanted(K, K)
    lists, asked = bare_lists(base.ann, base.asked(wanted, K, open_rows))
    scan = _call(lists, world, wanted, asked)
    if base.tuning.fetch == 1:
        return {"faiss": scan}
    refined = faiss.IndexRefine(lists, flat)
    refining = faiss.IndexRefineSearchParameters(k_factor=base.tuning.fetch, base_index_params=asked)
    return {"faiss": _call(refined, world, K, refining), "faiss scan": scan}


def bare_lists(ann: Ann, asked: faiss.SearchParameters) -> tuple[faiss.Index, faiss.SearchParameters]:
    """The same as FAISS puts it together: its own linear transform before the same lists."""
    if ann.directions is None:
        return ann.index, asked
    transform = faiss.LinearTransform(*ann.directions.shape)
    faiss.copy_array_to_vector(ann.directions.T.ravel(), transform.A)
    transform.is_trained = True
    return faiss.IndexPreTransform(transform, ann.index), faiss.SearchParametersPreTransform(index_params=asked)


def _call(index: faiss.Index, world: World, k: int, asked: faiss.SearchParameters) -> Search:
    return lambda i: index.search(world.queries[i : i + 1], k, params=asked)
