"""Which items stood near which in readers' histories: the graph under co-visitation and graph walks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from retrieval.ids import IdMap
from retrieval.interactions import Interactions

SECONDS_A_DAY = 86_400.0

_EVENTS_A_BLOCK = 50_000
"""Bounds memory: a block's events times twice the steps are held at once, about 150 MB with 20 steps."""


@dataclass(frozen=True)
class CovisitationGraphConfig:
    """steps: how far apart two events of a reader's history may stand, in events, and still count as a pair.
    backward: what the pair (later -> earlier) counts, beside 1 for (earlier -> later).
    half_life_days: a pair loses half of its weight in so many days since its later event; None for no loss.
    neighbours: the strongest so many are kept an item.
    """

    steps: int = 20
    backward: float = 0.5
    half_life_days: float | None = None
    neighbours: int = 300

    def __post_init__(self) -> None:
        if self.steps < 1 or self.neighbours < 1:
            raise ValueError(f"steps and neighbours must be 1 or more, but are {self.steps} and {self.neighbours}.")
        if self.backward < 0:
            raise ValueError(f"backward must be 0 or more, but is {self.backward}.")
        if self.half_life_days is not None and self.half_life_days <= 0:
            raise ValueError(f"half_life_days must be above 0, or None for no decay, but is {self.half_life_days}.")


@dataclass(frozen=True, eq=False)
class CovisitationGraph:
    """Weighted arrows from item to item, those of row i at starts[i]:starts[i + 1], the strongest first.

    items: the ids of the rows.  starts: (num_items + 1,) int64.  neighbours: (num_arrows,) int32, rows.
    weights: (num_arrows,) float32, above 0.
    masses: (num_items,) float64, above 0: what the item's own events weigh, decayed like pairs; its popularity.
    """

    items: IdMap
    starts: np.ndarray
    neighbours: np.ndarray
    weights: np.ndarray
    masses: np.ndarray

    def __post_init__(self) -> None:
        if len(self.starts) != len(self.items) + 1 or self.starts[-1] != len(self.neighbours):
            raise ValueError(
                f"{len(self.items)} items need {len(self.items) + 1} starts that end at the arrows' number."
            )
        if len(self.neighbours) != len(self.weights) or len(self.masses) != len(self.items):
            raise ValueError("neighbours run parallel to weights, and masses to items.")

    @classmethod
    def fit(cls, interactions: Interactions, config: CovisitationGraphConfig) -> CovisitationGraph:
        """Count every pair of events at most `steps` apart in one reader's history.

        A pair `gap` events apart adds (weight of the arrow's far end) / gap to the arrow (earlier -> later), and
        `backward` times that to (later -> earlier). An item is no neighbour of itself.
        """
        item_ids, item_idx = np.unique(interactions.item_ids, return_inverse=True)
        histories = _Histories.of(interactions, item_idx.astype(np.int32), config)
        blocks = [_strongest(block, config.neighbours) for block in _blocks(histories, len(item_ids), config)]
        counts = np.concatenate([np.empty(0, np.int64), *(block.counts for block in blocks)])
        return cls(
            items=IdMap(item_ids),
            starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            neighbours=np.concatenate([np.empty(0, np.int32), *(block.neighbours for block in blocks)]),
            weights=np.concatenate([np.empty(0, np.float32), *(block.weights for block in blocks)]),
            masses=histories.masses(len(item_ids)),
        )

    def arrows(self, rows: np.ndarray, *, strongest: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The arrows that leave some rows (of each row, the `strongest` so many; None for all that were kept).

        Returns, in parallel: the place in `rows` of the near end, the row of the far end, the weight.
        """
        lengths = self.starts[rows + 1] - self.starts[rows]
        if strongest is not None:
            lengths = np.minimum(lengths, strongest)
        shifts = self.starts[rows] - (np.cumsum(lengths) - lengths)
        numbers = np.repeat(shifts, lengths) + np.arange(lengths.sum())
        return np.repeat(np.arange(len(rows)), lengths), self.neighbours[numbers], self.weights[numbers]


@dataclass(frozen=True, eq=False)
class _Histories:
    """Events, reader by reader and within a reader in order of time, in parallel arrays."""

    readers: np.ndarray
    item_idx: np.ndarray
    weights: np.ndarray
    decays: np.ndarray

    @classmethod
    def of(cls, interactions: Interactions, item_idx: np.ndarray, config: CovisitationGraphConfig) -> _Histories:
        by_reader = np.argsort(interactions.reader_ids, kind="stable")
        decays = np.ones(len(interactions), np.float64)
        if config.half_life_days is not None and len(interactions):
            ages_s = interactions.times_s[-1] - interactions.times_s
            decays = np.exp2(-ages_s / (config.half_life_days * SECONDS_A_DAY))
        return cls(
            interactions.reader_ids[by_reader],
            item_idx[by_reader],
            interactions.weights[by_reader],
            decays[by_reader],
        )

    def masses(self, num_items: int) -> np.ndarray:
        summed = np.bincount(self.item_idx, weights=self.weights * self.decays, minlength=num_items)
        return np.maximum(summed, np.finfo(np.float32).tiny)

    def pairs(self, events: np.ndarray, config: CovisitationGraphConfig) -> Iterator[tuple[np.ndarray, ...]]:
        """From some events to those near them: (near event numbers, far event numbers, strengths), a gap at a time."""
        for gap in range(1, config.steps + 1):
            for shift, share in ((gap, 1.0), (-gap, config.backward)):
                if share == 0:
                    continue
                inside = (events + shift >= 0) & (events + shift < len(self.readers))
                near = events[inside]
                far = near + shift
                counts = (self.readers[near] == self.readers[far]) & (self.item_idx[near] != self.item_idx[far])
                near, far = near[counts], far[counts]
                yield near, far, self.weights[far] * self.decays[np.maximum(near, far)] * (share / gap)


def _blocks(histories: _Histories, num_items: int, config: CovisitationGraphConfig) -> Iterator[sparse.csr_array]:
    """The whole graph, some rows at a time."""
    by_item = np.argsort(histories.item_idx, kind="stable")
    ends = np.cumsum(np.bincount(histories.item_idx, minlength=num_items))
    first = done = 0
    while first < num_items:
        last = max(first + 1, int(np.searchsorted(ends, done + _EVENTS_A_BLOCK, side="right")))
        events = by_item[done : ends[last - 1]]
        block = sparse.csr_array((last - first, num_items), dtype=np.float64)
        for begin in range(0, len(events), _EVENTS_A_BLOCK):
            block = block + _counted(histories, events[begin : begin + _EVENTS_A_BLOCK], first, block.shape, config)
        yield block
        first, done = last, int(ends[last - 1])


def _counted(
    histories: _Histories, events: np.ndarray, first: int, shape: tuple[int, int], config: CovisitationGraphConfig
) -> sparse.csr_array:
    """The arrows that leave the items of `events`, whose row `first` is the block's row 0."""
    nears, fars, strengths = (np.concatenate(column) for column in zip(*histories.pairs(events, config), strict=True))
    at = (histories.item_idx[nears] - first, histories.item_idx[fars])
    return sparse.coo_array((strengths, at), shape=shape).tocsr()


@dataclass(frozen=True, eq=False)
class _Arrows:
    """The kept arrows of a block of rows."""

    counts: np.ndarray
    neighbours: np.ndarray
    weights: np.ndarray


def _strongest(block: sparse.csr_array, neighbours: int) -> _Arrows:
    """Each row's strongest arrows in falling order; among equals the lower row first."""
    block.data = block.data.astype(np.float32)
    block.eliminate_zeros()  # decay may have worn an arrow down to nothing
    block.sort_indices()
    ends, weights = block.indices.astype(np.int32), block.data
    kept = [
        start + np.argsort(-weights[start:end], kind="stable")[:neighbours]
        for start, end in zip(block.indptr[:-1], block.indptr[1:], strict=True)
    ]
    order = np.concatenate(kept)
    return _Arrows(
        counts=np.array([len(row) for row in kept], np.int64),
        neighbours=ends[order],
        weights=weights[order],
    )
