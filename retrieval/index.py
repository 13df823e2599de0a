"""The nearest items of a query: an immutable index that takes new, changed and removed items without being rebuilt."""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass, replace

import numpy as np

from retrieval import index_files
from retrieval.candidates import NO_CANDIDATES, Candidates
from retrieval.ids import UNKNOWN
from retrieval.index_ann import one_thread
from retrieval.index_base import Base
from retrieval.index_config import IndexConfig, Kind
from retrieval.index_files import IndexFileError
from retrieval.index_rows import OpenRows
from retrieval.index_tuning import tuned_base
from retrieval.index_vectors import ItemVectors, best, inner_products

__all__ = ["NO_IDS", "Index", "IndexConfig", "IndexFileError", "ItemVectors", "Kind"]

NO_IDS = np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Index:
    """Items, ranked by the inner product of their vector and a query's.

    Scores are exact float32 inner products, whichever kind of search found the item, and equal scores stand in order of
    item id. Norms may differ: a popularity prior or an item bias is one more dimension, which the caller appends to
    vectors and queries.

    Any number of threads may search while others apply: nothing here is ever changed. One search runs in the thread
    that asks, and so does `rebuilt`; `build` uses as many as `faiss.omp_set_num_threads` allows in its thread.

    base: built once, shared by all indexes that came of it by `apply`.
    open_rows: the rows of the base that were neither deleted nor replaced since.
    delta: items that were upserted since; looked at one by one.
    version: differs after every `apply`; the same for the same build with the same changes, also in another process.
    queries: (n, dim), the sample on which recall was measured, kept so that a rebuild measures on it again.
    """

    base: Base
    open_rows: OpenRows
    delta: ItemVectors
    version: str
    config: IndexConfig
    queries: np.ndarray

    @classmethod
    def build(
        cls,
        vectors: np.ndarray,
        item_ids: np.ndarray,
        config: IndexConfig | None = None,
        *,
        queries: np.ndarray | None = None,
    ) -> Index:
        """vectors: (num_items, dim) float32, kept without a copy when in order of item id: do not write to them later.

        item_ids: (num_items,) int64, unique.
        queries: (n, dim), vectors as will be asked with; a random sample of them decides what a search may spend.
            Needed for approximate kinds only.

        Raises ValueError for arrays that do not fit, ids that repeat, NaN or infinity, and for missing queries.
        """
        config = config or IndexConfig()
        items = ItemVectors(item_ids, vectors)
        sample = _sample(queries, items.dim, config)
        base = tuned_base(items, config, sample)
        delta = ItemVectors.none(items.dim)
        version = _digest(f"{items.digest()} {config}")
        return cls(base, OpenRows.all_of(len(items)), delta, version, config, sample)

    def __len__(self) -> int:
        """How many items can be found."""
        return self.open_rows.count + len(self.delta)

    @property
    def dim(self) -> int:
        return self.base.items.dim

    @property
    def kind(self) -> Kind:
        return self.base.kind

    @property
    def recall(self) -> float:
        """Of the best `config.recall_at` items, the share that is found: measured when the base was built."""
        return self.base.tuning.recall

    @property
    def needs_rebuild(self) -> bool:
        """Whether searches have become noticeably dearer; they stay right."""
        return self.open_rows.closed_share > self.config.max_dead_share or len(self.delta) > self.config.max_delta

    def search(self, query: np.ndarray, k: int, exclude: np.ndarray = NO_IDS) -> Candidates:
        """The `k` best items, or all when there are fewer.

        query: (dim,) float32, finite.  exclude: item ids, int64, any order, known or not.

        Raises ValueError for a query of another shape, one with NaN or infinity, and a negative `k`.
        """
        asked = _checked_query(query, self.dim)
        if k < 0:
            raise ValueError(f"{k} items cannot be searched for; k is 0 or more.")
        if k == 0:
            return NO_CANDIDATES
        open_rows, depth = self.open_rows, k
        if len(exclude):
            exclude = np.sort(exclude)  # neighbours look up faster
            open_rows = open_rows.without(self.base.items.ids.idx_of(exclude))
            depth = k + self.open_rows.count - open_rows.count  # as if all of them would have come first
        rows, scores = self.base.nearest(asked, k, open_rows, depth=depth)
        item_ids = self.base.items.item_ids[rows]
        if len(self.delta):
            item_ids, scores = self._with_delta(asked, k, exclude, item_ids, scores)
        return _found(item_ids, scores)

    def apply(self, upserts: ItemVectors | None = None, deletes: np.ndarray = NO_IDS) -> Index:
        """A new index in which `upserts` stand with their new vectors and `deletes` no longer; this one stays as it is.

        deletes: item ids; those that are not there are passed over, so that a change may be applied twice.

        Raises ValueError for vectors of another dimension, and an item that is to be both upserted and deleted.
        """
        upserts = upserts or ItemVectors.none(self.dim)
        deletes = np.ascontiguousarray(deletes, dtype=np.int64)
        if upserts.dim != self.dim:
            raise ValueError(
                f"Upserts have {upserts.dim} dimensions, the index has {self.dim}: rebuild it for new towers."
            )
        torn = np.intersect1d(upserts.item_ids, deletes)
        if len(torn):
            raise ValueError(f"{len(torn)} items are both upserted and deleted, item {torn[0]} among them.")
        touched = self.base.items.ids.idx_of(np.concatenate([upserts.item_ids, deletes]))
        return replace(
            self,
            open_rows=self.open_rows.without(touched),
            delta=self.delta.updated(upserts, deletes),
            version=_digest(f"{self.version} {upserts.digest()} {np.unique(deletes).tobytes().hex()}"),
        )

    def items(self) -> ItemVectors:
        """All that can be found, copied."""
        return self.base.items.take(~self.open_rows.closed).updated(self.delta, NO_IDS)

    def rebuilt(self) -> Index:
        """A new index of the same items, with the same configuration and sample queries, and without a delta. Without
        queries it stays exact, however large it grew: there is nothing to measure an approximate search on."""
        items = self.items()
        config = self.config if len(self.queries) else replace(self.config, kind=Kind.EXACT)
        with one_thread():  # others serve beside it
            return Index.build(items.vectors, items.item_ids, config, queries=self.queries)

    def save(self, path: str | os.PathLike[str]) -> None:
        """One file beside the vectors of the base, which it does not hold: keep those, and `load` with them."""
        parts = (self.base, self.open_rows, self.delta, self.version, self.config, self.queries)
        index_files.write(path, index_files.Saved(*parts))

    @classmethod
    def load(cls, path: str | os.PathLike[str], vectors: np.ndarray, item_ids: np.ndarray) -> Index:
        """vectors, item_ids: those that the base was built of, in any order; deltas are in the file.

        Raises IndexFileError when the file does not belong to them or is damaged: then `build` again.
        """
        saved = index_files.read(path, ItemVectors(item_ids, vectors))
        return cls(saved.base, saved.open_rows, saved.delta, saved.version, saved.config, saved.queries)

    def _with_delta(
        self, query: np.ndarray, k: int, exclude: np.ndarray, item_ids: np.ndarray, scores: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best of both. item_ids, scores: what the base has, best first."""
        fresh = inner_products(query, self.delta.vectors)
        if len(exclude):
            places = self.delta.ids.idx_of(exclude)
            fresh[places[places != UNKNOWN]] = -np.inf
        least = scores[-1] if len(scores) == k else np.finfo(np.float32).min
        rows = (fresh >= least).nonzero()[0]
        item_ids = np.concatenate([item_ids, self.delta.item_ids.take(rows)])
        return best(np.concatenate([scores, fresh.take(rows)]), item_ids, k)


def _sample(queries: np.ndarray | None, dim: int, config: IndexConfig) -> np.ndarray:
    if queries is None:
        return np.empty((0, dim), np.float32)
    asked = np.ascontiguousarray(queries, dtype=np.float32)
    if asked.ndim != 2 or asked.shape[1] != dim or not np.isfinite(asked).all():
        raise ValueError(f"Sample queries {asked.shape} must be (n, {dim}), and finite.")
    if len(asked) <= config.sample_queries:
        return asked
    rows = np.random.default_rng(config.seed).choice(len(asked), config.sample_queries, replace=False)
    return asked[np.sort(rows)]


def _checked_query(query: np.ndarray, dim: int) -> np.ndarray:
    asked = np.ascontiguousarray(query, dtype=np.float32)
    if asked.shape != (dim,):
        raise ValueError(f"A query of shape {asked.shape} was asked, but this index has vectors of shape ({dim},).")
    with np.errstate(over="ignore"):
        energy = asked.dot(asked)  # one call where isfinite and all are two
    if not math.isfinite(energy):
        raise ValueError(
            "The query holds NaN, infinity or numbers too large for float32. What came out of the query tower, and of "
            "which features?"
        )
    return asked


class _Found(Candidates):
    """Candidates that are in order and unique by the way they were found: checking it is a tenth of a search."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scores[0]) and math.isfinite(self.scores[-1])):
            raise ValueError("Inner products of this query are too large for float32. Scale the vectors or the query.")


def _found(item_ids: np.ndarray, scores: np.ndarray) -> Candidates:
    return _Found(item_ids, scores) if len(item_ids) else NO_CANDIDATES


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
