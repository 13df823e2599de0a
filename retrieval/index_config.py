"""How an index is built: plain values, kept with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How the nearest items are found.

    Medians of `python -m benchmarks index` in ms: 300 items at recall 0.95, one thread of a quiet machine.

        items        EXACT   HNSW   IVF_8BIT   IVF_4BIT
        10,000        0.13   0.27      0.15       0.08
        100,000       1.1    0.55      0.36       0.14
        1,000,000      -      -        1.4        0.34

    Up to 20,000 items an exact search costs 0.2 ms more at most, misses nothing and needs no building. A graph of
    100,000 takes 11 s to build, of a million seven minutes; inverted lists 2 and 18 s.
    """

    EXACT = "exact"
    """Every vector, by the kernel of FAISS's IndexFlatIP, and so with the same scores. Takes no memory of its own."""
    HNSW = "hnsw"
    """A graph over a copy of the float32 vectors: 400 bytes an item. Never chosen by size."""
    IVF_8BIT = "ivf_8bit"
    """Inverted lists, 8-bit scalar quantisation: a byte a dimension."""
    IVF_4BIT = "ivf_4bit"
    """Inverted lists of the leading principal directions, each in 4 bits with 16 trained levels, laid out for FAISS's
    FastScan.

    Four bits alone lose a sixth of the top 300, so that up to twice as many are fetched, and put in order by their
    float32 vectors: a fifth of the bytes of 8 bits, and at a million items a fifth of the time."""


LEAST_TRAINED = 1_000
"""Fewer items than this are always searched exactly: they are too few to train lists and levels on."""


@dataclass(frozen=True)
class IndexConfig:
    """kind: None chooses by size: exact up to `exact_up_to` items, 4-bit inverted lists above; where those miss the
        recall goal with all their effort, 8-bit ones, and where these do too, an exact search (`kinds_for`).

    recall_goal, recall_at: what a search for `recall_at` items must find of the exact answer, a mean over sample
        queries; three standard errors are kept as a margin, for other queries are asked later.
    sample_queries: how many of the given queries are measured on, at most.
    lists_per_sqrt_item: inverted lists = this times the square root of the number of items.
    points_per_list: vectors that one list's centre is trained on.
    kept_best: 4-bit lists hold as many principal directions as find this share of the best items by themselves; the
        rest is left to the float32 vectors, which decide on the order (`index_ann.leading_directions`).
    hnsw_links, hnsw_build_effort: M and efConstruction.
    max_dead_share: `needs_rebuild` above this share of deleted or replaced rows.
    max_delta: `needs_rebuild` above this many rows upserted since the build; 10,000 add 0.2 to 0.5 ms to a search.

    Raises ValueError for values that no index can be built with.
    """

    kind: Kind | None = None
    exact_up_to: int = 20_000
    recall_goal: float = 0.95
    recall_at: int = 300
    sample_queries: int = 400
    lists_per_sqrt_item: float = 1.4
    points_per_list: int = 100
    kept_best: float = 0.9
    hnsw_links: int = 16
    hnsw_build_effort: int = 80
    max_dead_share: float = 0.10
    max_delta: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.recall_goal <= 1:
            raise ValueError(f"recall_goal is a share above 0 and at most 1, not {self.recall_goal}.")
        if not 0 < self.kept_best <= 1:
            raise ValueError(f"kept_best is a share above 0 and at most 1, not {self.kept_best}.")
        if not 0 <= self.max_dead_share <= 1:
            raise ValueError(f"max_dead_share is a share from 0 to 1, not {self.max_dead_share}.")
        least = min(self.recall_at, self.sample_queries, self.points_per_list, self.hnsw_links, self.hnsw_build_effort)
        if least < 1 or self.lists_per_sqrt_item <= 0:
            raise ValueError("recall_at, sample_queries, points_per_list and the links and lists must be above 0.")
        if min(self.exact_up_to, self.max_delta, self.seed) < 0:
            raise ValueError("exact_up_to, max_delta and seed cannot be negative.")

    def kind_for(self, num_items: int) -> Kind:
        if num_items < LEAST_TRAINED:
            return Kind.EXACT
        if self.kind is not None:
            return self.kind
        return Kind.EXACT if num_items <= self.exact_up_to else Kind.IVF_4BIT

    def kinds_for(self, num_items: int) -> tuple[Kind, ...]:
        """What is tried, in this order, until one reaches the recall goal; one kind where it was asked for."""
        first = self.kind_for(num_items)
        by_size = self.kind is None and first is not Kind.EXACT
        return (first, Kind.IVF_8BIT, Kind.EXACT) if by_size else (first,)

    def lists_for(self, num_items: int) -> int:
        return max(1, round(self.lists_per_sqrt_item * math.sqrt(num_items)))
