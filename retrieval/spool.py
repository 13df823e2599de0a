"""Training rows on disk, encoded once, in files by refresh interval: each epoch reads them back a piece at a time.

So the memory that training takes does not grow with the rows (but for 16 bytes a positive: each reader's known ones,
and how often each item of an interval is drawn).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retrieval.config import TowerConfig, TrainingConfig
from retrieval.content import ItemContent
from retrieval.features import QueryFeatures, encode_table, feature_sizes, last_of_lists
from retrieval.ids import UNKNOWN
from retrieval.negatives import KnownPositives
from retrieval.training_errors import NoPositives, NotFinite, OneItem, OneReader

POSITIVES = pa.schema(
    {
        "reader_id": pa.int64(),
        "item_id": pa.int64(),
        "happened_at": pa.timestamp("us", tz="UTC"),
        "weight": pa.float32(),
    }
)
"""What a table of positives holds beside `features.STATES`. All rows of a reader come in one table.

It may also hold `not_chosen`, a list of item ids: what the reader saw beside the positive and did not choose.
"""

IMPRESSION_NEGATIVES = 8
"""Items of `not_chosen` that count, from its end."""

PIECE_ROWS = 1 << 16
DAY_S = 86_400.0

_OF_ROW = [
    ("reader", np.int32),
    ("item", np.int32),
    ("not_chosen", np.int32, (IMPRESSION_NEGATIVES,)),
    ("at_s", np.float64),
    ("before", np.float64),
    ("after", np.float64),
]


@dataclass(frozen=True, eq=False)
class Piece:
    """Rows of one refresh interval. readers: (n,) numbers of this spool.  item_idx: (n,) rows of the catalogue.
    not_chosen: (n, IMPRESSION_NEGATIVES) rows of the catalogue, `UNKNOWN` for none.  at_s: (n,) float64, when each was
    chosen, seconds since 1970 UTC: no candidate may know it, it only says what could not be chosen yet."""

    interval: int
    readers: np.ndarray
    item_idx: np.ndarray
    not_chosen: np.ndarray
    at_s: np.ndarray
    features: QueryFeatures

    def __len__(self) -> int:
        return len(self.readers)

    def take(self, rows: np.ndarray) -> Piece:
        taken = QueryFeatures(*(array[rows] for array in self.features.arrays().values()))
        return Piece(
            self.interval, self.readers[rows], self.item_idx[rows], self.not_chosen[rows], self.at_s[rows], taken
        )


@dataclass(frozen=True, eq=False)
class IntervalDraws:
    """How often an epoch draws items out of one interval. item_idx: (n,) int64, rising.  draws: (n,) float64."""

    item_idx: np.ndarray
    draws: np.ndarray

    def of(self, item_idx: np.ndarray) -> np.ndarray:
        """Of each item, 0 for those that stand in no row: float64 of the same shape."""
        place = np.minimum(np.searchsorted(self.item_idx, item_idx), len(self.item_idx) - 1)
        return np.where(self.item_idx[place] == item_idx, self.draws[place], 0.0)

    @property
    def total(self) -> float:
        return float(self.draws.sum())


@dataclass(frozen=True, eq=False)
class Spool:
    """folder: one file an interval.  intervals: their numbers, rising; those that have rows.  interval_s: their length.
    until_s: the end of the training window, seconds since 1970 UTC.
    expected_draws: (num_items,) how often an epoch draws each item.  draws: the same by interval."""

    folder: Path
    intervals: list[int]
    interval_s: float
    until_s: float
    num_rows: int
    num_readers: int
    expected_draws: np.ndarray
    draws: dict[int, IntervalDraws]
    known: KnownPositives
    row_type: np.dtype

    def end_s(self, interval: int) -> float:
        """When an interval ends, seconds since 1970 UTC; the last one ends with the window."""
        return min((interval + 1) * self.interval_s, self.until_s)

    def pieces(self, rng: np.random.Generator) -> Iterator[Piece]:
        """The rows that one epoch draws, in random order of intervals; copies of a row that is drawn twice."""
        offsets = rng.random(self.num_readers)
        for interval in rng.permutation(self.intervals).tolist():
            for rows in self._read(interval):
                shift = offsets[rows["reader"]]
                draws = (np.floor(rows["after"] + shift) - np.floor(rows["before"] + shift)).astype(np.int64)
                drawn = np.repeat(np.arange(len(rows)), draws)
                if len(drawn):
                    yield _piece(interval, rows[rng.permutation(drawn)])

    def item_counts(self, interval: int, num_items: int) -> np.ndarray:
        """(num_items,) int64: positives of each item in one interval."""
        counts = np.zeros(num_items, np.int64)
        for rows in self._read(interval):
            counts += np.bincount(rows["item"], minlength=num_items)
        return counts

    def _read(self, interval: int) -> Iterator[np.ndarray]:
        with (self.folder / f"{interval}.rows").open("rb") as file:
            while len(rows := np.fromfile(file, self.row_type, count=PIECE_ROWS)):
                yield rows


def fill_spool(
    tables: Iterable[pa.Table],
    content: ItemContent,
    folder: Path,
    *,
    until: datetime,
    towers: TowerConfig,
    training: TrainingConfig,
) -> Spool:
    """Write what `tables` of `POSITIVES` and `STATES` hold of known items into `folder`, which is empty.

    A row is drawn `weight` times an epoch, halved every `half_life_days` before `until`, and all rows of a reader
    together at most `most_per_reader` times. Draws are systematic: each reader's rows lie end to end, as long as they
    are often drawn, and every epoch a comb of pitch 1 is laid on them at a random place.

    Raises `NoPositives`, `OneReader`, `OneItem`, `NotFinite`, and ValueError for a reader who comes in two tables.
    """
    filling = _Filling(content, folder, until, towers, training)
    for table in tables:
        filling.add(table)
    return filling.finished()


@dataclass(eq=False)
class _Tally:
    """Sums by whole-number keys, in memory that goes by how many keys differ, not by how many were added."""

    keys: list[np.ndarray] = field(default_factory=lambda: [np.empty(0, np.int64)])
    amounts: list[np.ndarray] = field(default_factory=lambda: [np.empty(0)])

    def add(self, keys: np.ndarray, amounts: np.ndarray) -> None:
        self.keys.append(keys)
        self.amounts.append(amounts)
        if sum(map(len, self.keys[1:])) > len(self.keys[0]):
            self.sums()

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Rising keys, and the sum of each."""
        keys, place = np.unique(np.concatenate(self.keys), return_inverse=True)
        sums = np.bincount(place, weights=np.concatenate(self.amounts), minlength=len(keys))
        self.keys, self.amounts = [keys], [sums]
        return keys, sums


class _Filling:
    def __init__(
        self, content: ItemContent, folder: Path, until: datetime, towers: TowerConfig, training: TrainingConfig
    ) -> None:
        self.content, self.folder, self.towers, self.training = content, folder, towers, training
        self.until_s = until.timestamp()
        self.interval_s = training.refresh_interval_h * 3600
        self.row_type = _row_type(towers)
        self.readers = np.empty(0, np.int64)
        self.known_counts: list[np.ndarray] = []
        self.known_items: list[np.ndarray] = []
        self.draws = _Tally()
        self.intervals: set[int] = set()
        self.num_rows = 0

    def add(self, table: pa.Table) -> None:
        item_idx = self.content.ids.idx_of(table["item_id"].to_numpy())
        known = item_idx != UNKNOWN  # what left the catalogue since cannot be proposed any more
        if not known.all():
            table, item_idx = table.filter(pa.array(known)), item_idx[known]
        if not len(table):
            return
        readers, of_row = np.unique(table["reader_id"].to_numpy(), return_inverse=True)
        self._check_new(readers)
        reader_idx = (len(self.readers) + of_row).astype(np.int32)
        seconds = _seconds(table["happened_at"])
        before, after = self._segments(table, of_row, seconds)
        rows = np.zeros(len(table), self.row_type)
        rows["reader"], rows["item"], rows["before"], rows["after"] = reader_idx, item_idx, before, after
        rows["at_s"] = seconds
        rows["not_chosen"] = last_of_lists(table, "not_chosen", IMPRESSION_NEGATIVES, self.content.ids.idx_of, UNKNOWN)
        features = encode_table(table, self.content, self.towers)
        for name, array in features.arrays().items():
            rows[name] = array
        intervals = np.floor(seconds / self.interval_s).astype(np.int64)
        self._write(rows, intervals)
        self.draws.add(intervals * len(self.content) + item_idx, after - before)
        self._remember(readers, of_row, item_idx)
        self.num_rows += len(rows)

    def finished(self) -> Spool:
        if not self.num_rows:
            raise NoPositives(
                "No positive reaction to an item of the catalogue in this window: choose a longer one, or wait."
            )
        if len(self.readers) == 1:
            raise OneReader(f"All {self.num_rows} positives are of one reader; wait until a second one has chosen.")
        keys, sums = self.draws.sums()
        of_key, item_idx = np.divmod(keys, len(self.content))
        expected = np.bincount(item_idx, weights=sums, minlength=len(self.content))
        if np.count_nonzero(expected) == 1:
            raise OneItem(f"All {self.num_rows} positives are of one item; wait until a second one was chosen.")
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(self.known_counts))])
        intervals, starts = np.unique(of_key, return_index=True)
        parts = zip(np.split(item_idx, starts[1:]), np.split(sums, starts[1:]), strict=True)
        return Spool(
            folder=self.folder,
            intervals=sorted(self.intervals),
            interval_s=self.interval_s,
            until_s=self.until_s,
            num_rows=self.num_rows,
            num_readers=len(self.readers),
            expected_draws=expected,
            draws={interval: IntervalDraws(*part) for interval, part in zip(intervals.tolist(), parts, strict=True)},
            known=KnownPositives(offsets, np.concatenate(self.known_items), len(self.content)),
            row_type=self.row_type,
        )

    def _check_new(self, readers: np.ndarray) -> None:
        again = readers[np.isin(readers, self.readers)]
        if len(again):
            raise ValueError(f"Reader {again[0]} stands in two tables; all rows of a reader must come in one.")

    def _segments(self, table: pa.Table, of_row: np.ndarray, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each row begins and ends on the line of its reader."""
        lengths = self._lengths(table, seconds)
        whole = np.bincount(of_row, weights=lengths)
        lengths = lengths * np.minimum(1.0, self.training.most_per_reader / np.maximum(whole, 1e-12))[of_row]
        # In random order, so that the comb does not pick neighbours in time together.
        shuffled = np.random.default_rng([self.training.seed, self.num_rows]).permutation(len(of_row))
        order = shuffled[np.argsort(of_row[shuffled], kind="stable")]
        ends = np.cumsum(lengths[order])
        first = np.concatenate([[True], np.diff(of_row[order]) > 0])
        starts = np.concatenate([[0.0], ends[:-1]])
        base = np.maximum.accumulate(np.where(first, starts, 0.0))
        before, after = np.empty(len(order)), np.empty(len(order))
        before[order], after[order] = starts - base, ends - base
        return before, after

    def _lengths(self, table: pa.Table, seconds: np.ndarray) -> np.ndarray:
        weights = table["weight"].to_numpy().astype(np.float64)
        if not np.isfinite(weights).all() or not (weights > 0).all():
            raise NotFinite(f"A positive weighs {weights[~(weights > 0)][:1]}; weights are finite and above 0.")
        ages_s = self.until_s - seconds
        if (ages_s < 0).any():
            raise ValueError(f"A positive lies {-ages_s.min()} s after the end of the window.")
        half_life = self.training.half_life_days
        return weights if half_life is None else weights * 0.5 ** (ages_s / DAY_S / half_life)

    def _write(self, rows: np.ndarray, intervals: np.ndarray) -> None:
        order = np.argsort(intervals, kind="stable")
        found, starts = np.unique(intervals[order], return_index=True)
        for interval, part in zip(found.tolist(), np.split(rows[order], starts[1:]), strict=True):
            with (self.folder / f"{interval}.rows").open("ab") as file:
                part.tofile(file)
            self.intervals.add(interval)

    def _remember(self, readers: np.ndarray, of_row: np.ndarray, item_idx: np.ndarray) -> None:
        pairs = np.unique(of_row.astype(np.int64) * len(self.content) + item_idx)
        self.known_counts.append(np.bincount(pairs // len(self.content), minlength=len(readers)))
        self.known_items.append(pairs % len(self.content))
        self.readers = np.concatenate([self.readers, readers])


def _piece(interval: int, rows: np.ndarray) -> Piece:
    features = QueryFeatures(*(rows[field.name].astype(np.int32) for field in fields(QueryFeatures)))
    return Piece(interval, rows["reader"], rows["item"], rows["not_chosen"], rows["at_s"], features)


def _row_type(config: TowerConfig) -> np.dtype:
    """A row on disk: each feature in the smallest whole numbers that hold its table's rows."""
    of_features = [
        (name, np.min_scalar_type(largest), (width,)) for name, (width, largest) in feature_sizes(config).items()
    ]
    return np.dtype([*_OF_ROW, *of_features])


def _seconds(times: pa.ChunkedArray) -> np.ndarray:
    return pc.cast(times, pa.int64()).to_numpy() / 1e6
