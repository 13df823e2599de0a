"""What a row is compared with: uniform draws, hard negatives of a previous index; and what is no negative of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from retrieval.ids import UNKNOWN


@dataclass(frozen=True, eq=False)
class KnownPositives:
    """What each reader is known to like, in the whole training window: never a negative of theirs.

    offsets: (num_readers + 1,) int64.  item_idx: flat int64, sorted and unique within a reader; reader r has
    item_idx[offsets[r] : offsets[r + 1]].  num_items: the size of the catalogue.
    Raises ValueError when that does not hold. `of` builds it from rows in any order.
    """

    offsets: np.ndarray
    item_idx: np.ndarray
    num_items: int
    _keys: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not len(self.offsets) or self.offsets[0] != 0 or self.offsets[-1] != len(self.item_idx):
            raise ValueError("offsets must run from 0 to the length of item_idx, one more than there are readers.")
        if (np.diff(self.offsets) < 0).any():
            raise ValueError("offsets must never fall.")
        if len(self.item_idx) and not (self.item_idx.min() >= 0 and self.item_idx.max() < self.num_items):
            raise ValueError(f"item_idx must be rows of a catalogue of {self.num_items}.")
        # one number for each (reader, item), which rises where the items of a reader do
        keys = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets)) * self.num_items + self.item_idx
        if (np.diff(keys) <= 0).any():
            raise ValueError("The items of a reader must be sorted and unique. Build with `KnownPositives.of`.")
        object.__setattr__(self, "_keys", keys)

    @classmethod
    def of(cls, reader_idx: np.ndarray, item_idx: np.ndarray, *, num_readers: int, num_items: int) -> KnownPositives:
        """From parallel arrays of positives, in any order, with repeats. Raises ValueError for numbers out of range."""
        if len(item_idx) and not (item_idx.min() >= 0 and item_idx.max() < num_items):
            raise ValueError(f"item_idx must be rows of a catalogue of {num_items}.")
        if len(reader_idx) and not (reader_idx.min() >= 0 and reader_idx.max() < num_readers):
            raise ValueError(f"reader_idx must be below {num_readers} and not negative.")
        keys = np.unique(reader_idx.astype(np.int64) * num_items + item_idx)
        readers, items = np.divmod(keys, max(num_items, 1))
        offsets = np.concatenate([[0], np.cumsum(np.bincount(readers, minlength=num_readers))])
        return cls(offsets, items, num_items)

    def pairs(self, reader_idx: np.ndarray, column_item_idx: np.ndarray) -> np.ndarray:
        """Which columns hold a known positive of which row: the `known` of `retrieval.losses`.

        reader_idx: (batch,) int64, the reader of each row; `UNKNOWN` for one of whom nothing is known.
        column_item_idx: (columns,) int64, the item of each column, repeats allowed.
        Returns (n, 2) int64 of row and column, each once; a row's own item is among them, and the loss spares it.
        Takes time for the batch readers' positives and the columns, not for rows times columns.
        """
        rows, items = self._of_rows(reader_idx)
        order = np.argsort(column_item_idx, kind="stable")
        distinct, starts, counts = np.unique(column_item_idx[order], return_index=True, return_counts=True)
        places = np.full(self.num_items, UNKNOWN, np.int32)
        places[distinct] = np.arange(len(distinct))
        place = places[items]
        here = place != UNKNOWN  # most positives stand in no column
        rows, first, copies = rows[here], starts[place[here]], counts[place[here]]
        return np.stack([np.repeat(rows, copies), order[_ranges(first, copies)]], axis=1)

    def contains(self, reader_idx: np.ndarray, item_idx: np.ndarray) -> np.ndarray:
        """(batch,) and (batch, m) int64 -> (batch, m) bool: is the item a known positive of the row's reader?

        `UNKNOWN` readers and items are known for nothing.
        """
        if not len(self._keys):
            return np.zeros(item_idx.shape, bool)
        wanted = reader_idx[:, None] * self.num_items + item_idx
        place = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        found = self._keys[place] == wanted
        return found & (reader_idx >= 0)[:, None] & (item_idx >= 0)

    def _of_rows(self, reader_idx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Every known positive of every row: (n,) row, (n,) item."""
        some = reader_idx >= 0
        starts = np.where(some, self.offsets[reader_idx], 0)
        lengths = np.where(some, self.offsets[reader_idx + 1] - starts, 0)
        return np.repeat(np.arange(len(reader_idx)), lengths), self.item_idx[_ranges(starts, lengths)]


def uniform_negatives(rng: np.random.Generator, num_items: int, count: int) -> np.ndarray:
    """`count` different rows of the catalogue, each set of them as likely: (count,) int64.

    Without repeats an item is expected count / num_items times, as `log_q_of_mixture` has it, and no column is wasted.
    Raises ValueError for more than there are items.
    """
    if count > num_items:
        raise ValueError(f"{count} uniform negatives out of {num_items} items: use the full softmax instead.")
    return rng.choice(num_items, size=count, replace=False, shuffle=False).astype(np.int64)


def top_ranked(scores: np.ndarray, depth: int) -> np.ndarray:
    """(batch, num_items) scores -> (batch, depth) int64 item_idx, best first; fewer where the catalogue is smaller."""
    depth = min(depth, scores.shape[1])
    best = np.argpartition(-scores, max(depth - 1, 0), axis=1)[:, :depth]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1).astype(np.int64)


def mine_hard_negatives(
    rng: np.random.Generator,
    ranked: np.ndarray,
    reader_idx: np.ndarray,
    known: KnownPositives,
    *,
    skip: int,
    window: int,
    count: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Items that a previous index ranked high for a row's query, and that its reader is not known to like.

    ranked: (batch, depth) int64 item_idx, best first, unique within a row; `UNKNOWN` pads a short list.
    reader_idx: (batch,) int64.  After the known positives are taken out, the `skip` best that remain are passed over
    (at the very top stand mostly items that the reader would like and has not met), and `count` of the next `window`
    are drawn, all as likely, none twice.
    Returns item_idx (batch, count) int64, `UNKNOWN` where a row has fewer, and log_q (batch,) float32: ln of the chance
    with which an item of the row's window was drawn, 0 where all were.
    Raises ValueError for a negative skip, or a count that is not within 1 and `window`.
    """
    if skip < 0 or not 1 <= count <= window:
        raise ValueError(f"skip {skip}, window {window}, count {count}: skip at least 0, count from 1 to the window.")
    usable = (ranked != UNKNOWN) & ~known.contains(reader_idx, ranked)
    place = np.cumsum(usable, axis=1) - 1
    eligible = usable & (skip <= place) & (place < skip + window)  # (batch, depth)
    lot = np.where(eligible, rng.random(ranked.shape), np.inf)
    drawn = np.argsort(lot, axis=1, kind="stable")[:, :count]
    present = np.take_along_axis(eligible, drawn, axis=1)
    mined = np.full((len(ranked), count), UNKNOWN, np.int64)
    mined[:, : drawn.shape[1]] = np.where(present, np.take_along_axis(ranked, drawn, axis=1), UNKNOWN)
    sizes = eligible.sum(axis=1)
    log_q = np.log(np.minimum(count / np.maximum(sizes, 1), 1)).astype(np.float32)
    return mined, log_q


def _ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """start, start + 1, ... of each range, one range after the other."""
    shift = starts - (np.cumsum(lengths) - lengths)
    return np.arange(lengths.sum()) + np.repeat(shift, lengths)
