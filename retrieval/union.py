"""The candidates of all sources together; each remembers every source that named it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.candidates import Candidates, Source
from retrieval.ids import UNKNOWN, IdMap
from retrieval.query_state import QueryState

NOT_NAMED = -1
"""The rank that stands where a source did not name an item."""


@dataclass(frozen=True, eq=False)
class Union:
    """item_ids: (num_items,) int64, unique.  sources: names, in the order of the columns.

    scores: (num_items, num_sources) float32, each column in its source's own unit; NaN where it did not name the item.
    ranks: (num_items, num_sources) int32, from 0; `NOT_NAMED` where it did not name the item.

    Raises ValueError for shapes that do not fit, and for sources of one name.
    """

    item_ids: np.ndarray
    sources: tuple[str, ...]
    scores: np.ndarray
    ranks: np.ndarray

    def __post_init__(self) -> None:
        shape = (len(self.item_ids), len(self.sources))
        if self.scores.shape != shape or self.ranks.shape != shape:
            raise ValueError(f"scores {self.scores.shape} and ranks {self.ranks.shape} must have the shape {shape}.")
        if len(set(self.sources)) != len(self.sources):
            raise ValueError(f"Two sources have the same name: {self.sources}.")

    def __len__(self) -> int:
        return len(self.item_ids)

    def only(self, item_ids: np.ndarray) -> Union:
        """Some of the items, in this order: `union.only(fuse(union, config).item_ids[:300])`.

        Raises ValueError for an item that no source named.
        """
        rows = IdMap(self.item_ids).idx_of(item_ids)
        if (rows == UNKNOWN).any():
            raise ValueError(f"Item {item_ids[rows == UNKNOWN][0]} is not in the union: no source named it.")
        return Union(self.item_ids[rows], self.sources, self.scores[rows], self.ranks[rows])

    def named_by(self, row: int) -> tuple[tuple[str, float, int], ...]:
        """Who named the item of that row: (source, its score, its rank from 0), in the order of `sources`."""
        columns = zip(self.sources, self.scores[row].tolist(), self.ranks[row].tolist(), strict=True)
        return tuple(each for each in columns if each[2] != NOT_NAMED)


@dataclass(frozen=True)
class FusionConfig:
    """k0: how little the first ranks stand out: at 60 rank 0 is worth twice rank 61.
    weights: pairs of a source's name and what its word counts; a source that is not named here counts 1.
    """

    k0: float = 60.0
    weights: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if self.k0 < 0:
            raise ValueError(f"k0 must be 0 or more, but is {self.k0}.")
        if not all(weight >= 0 for _, weight in self.weights):
            raise ValueError(f"weights must be 0 or more, but are {self.weights}.")


def ask(sources: Sequence[Source], state: QueryState, k_each: int | Mapping[str, int], *, exclude: np.ndarray) -> Union:
    """Ask every source for `k_each` candidates (one number, or one a source's name), none of `exclude`, item ids.

    What a source raises is raised. Raises ValueError when two sources have one name.
    """
    names = [source.name for source in sources]
    if len(set(names)) != len(names):
        raise ValueError(f"Two sources have the same name: {names}. Name them apart when they are fitted.")
    k_of = k_each if isinstance(k_each, Mapping) else dict.fromkeys(names, k_each)
    return unite({source.name: source.candidates(state, k_of[source.name], exclude=exclude) for source in sources})


def unite(named: Mapping[str, Candidates]) -> Union:
    """Every item that a source named, once, in rising order of item ids; a column a source, in the mapping's order."""
    lists = list(named.values())
    item_ids = np.unique(np.concatenate([np.empty(0, np.int64), *(each.item_ids for each in lists)]))
    scores = np.full((len(item_ids), len(lists)), np.nan, np.float32)
    ranks = np.full((len(item_ids), len(lists)), NOT_NAMED, np.int32)
    for column, each in enumerate(lists):
        rows = np.searchsorted(item_ids, each.item_ids)
        scores[rows, column] = each.scores
        ranks[rows, column] = np.arange(len(each))
    return Union(item_ids, tuple(named), scores, ranks)


def fuse(union: Union, config: FusionConfig) -> Candidates:
    """One order out of all: reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009).

    An item's score is the sum, over the sources that named it, of weight / (k0 + rank), ranks counted from 1. Scores
    of the sources play no part, so their units need not agree. Among equals the lower item id stands first.
    """
    weights = dict(config.weights)
    shares = np.array([weights.get(source, 1.0) for source in union.sources])
    parts = np.where(union.ranks == NOT_NAMED, 0.0, shares / (config.k0 + 1.0 + np.maximum(union.ranks, 0)))
    scores = parts.sum(axis=1).astype(np.float32)
    order = np.lexsort((union.item_ids, -scores))
    return Candidates(union.item_ids[order], scores[order])
