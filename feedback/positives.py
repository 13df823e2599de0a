"""What readers' interactions teach the retriever: pairs of a reader's state and an item. See docs/learning.md.

Arrow in, Arrow out, and nothing but the arguments: this knows no database and no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa
from polars import col

from feedback.kinds import HISTORY_KINDS, READ_MS, WEIGHTS, Kind
from feedback.surfaces import Surface
from feedback.ties import scattered

READING_FOLLOWS_WITHIN = timedelta(minutes=30)
"""Reading that names no visit belongs to a click of so long before."""

_POSITIVE_KINDS = tuple(kind for kind in Kind if WEIGHTS[kind].retriever)
_TIME = pa.timestamp("us", tz="UTC")
_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
_CELLS_AT_ONCE = 1_000_000

HISTORIES = pa.schema(
    {
        "id": pa.int64(),
        "reader_id": pa.int64(),
        "reader_bucket": pa.int16(),
        "kind": pa.string(),
        "item_id": pa.int64(),
        "query": pa.string(),
        "dwell_ms": pa.int32(),
        "happened_at": _TIME,
        "received_at": _TIME,
        "undo_received_at": _TIME,
        "imported": pa.bool_(),
        "surface": pa.string(),
        "visit_id": pa.binary(),
        "slate_id": pa.binary(),
        "known_until": _TIME,
    }
)
"""Everything that some readers did and that may teach. known_until: of the slate, null where there is none."""

RETRIEVER_POSITIVES = pa.schema(
    {
        "reader_id": pa.int64(),
        "reader_bucket": pa.int16(),
        "item_id": pa.int64(),
        "happened_at": _TIME,
        "weight": pa.float32(),
        "surface": pa.string(),
        "state_at": _TIME,
        "history": pa.list_(pa.int64()),
        "history_kinds": pa.list_(pa.dictionary(pa.int8(), pa.string())),
        "history_ages_s": pa.list_(pa.float32()),
        "searches": pa.list_(pa.string()),
    }
)
"""One row a reader x item x day (UTC), by reader and time.

happened_at, surface: of the day's first reaction to the item; weight: of the strongest positive of that day.
state_at: what the site knew then is the state; for a reaction without a slate, what it knew before `happened_at`.
history, history_kinds, history_ages_s: run parallel, most recent last; ages in seconds at `state_at`.
searches: most recent last.
"""


@dataclass(frozen=True)
class PositivesConfig:
    """How much of a reader's past a state holds. seed: breaks ties between things of the same moment."""

    history_length: int = 50
    num_searches: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.history_length < 1 or self.num_searches < 1:
            raise ValueError(f"A state holds at least one thing of each, not {self}.")
        if not 0 <= self.seed < 1 << 64:
            raise ValueError(f"seed is {self.seed}, but must be from 0 to 2**64 - 1.")


def find_positives(
    histories: pa.Table, *, since: datetime, until: datetime, config: PositivesConfig | None = None
) -> pa.Table:
    """The `RETRIEVER_POSITIVES` that happened in [since, until), as known at `until`; states reach back before `since`.

    Raises ValueError for a slate that claims to have known what came after the reaction to it.
    """
    config = config or PositivesConfig()
    log = _ordered(cast(pl.DataFrame, pl.from_arrow(histories)).filter(col("received_at") <= until), config.seed)
    positives = _one_a_day(_judged(log, until)).filter(col("happened_at").is_between(since, until, closed="left"))
    positives = positives.sort("reader_id", "happened_at", "tie")
    items, searches = log.filter(col("kind").is_in(HISTORY_KINDS)), log.filter(col("kind") == Kind.SEARCH)
    return _table(
        positives,
        items,
        _past(items, positives, most=config.history_length),
        searches,
        _past(searches, positives, most=config.num_searches, errands=_errands(searches, positives)),
    )


def _ordered(log: pl.DataFrame, seed: int) -> pl.DataFrame:
    """By reader and time. What shares a moment stands in a random, fixed order: neither item ids nor the order of
    arrival may be learned."""
    ties = scattered(log["id"].to_numpy(), seed)
    return log.with_columns(tie=pl.Series(ties)).sort("reader_id", "happened_at", "tie")


def _judged(log: pl.DataFrame, until: datetime) -> pl.DataFrame:
    """Every reaction to an item: whether it is positive, and what the site knew before it."""
    stands = col("undo_received_at").is_null() | (col("undo_received_at") > until)
    is_read = (col("kind") != Kind.CLICK) | col("imported") | (col("read_ms") >= READ_MS)
    weights = col("kind").replace_strict({str(k): WEIGHTS[k].retriever for k in Kind}, return_dtype=pl.Float32)
    judged = _with_reading(log).with_columns(
        weight=pl.when(stands & is_read).then(weights).otherwise(0),
        refused=(col("kind") == Kind.DISMISS) & stands,
        strict=col("slate_id").is_null(),
        state_at=pl.coalesce("known_until", _time_of_id("slate_id"), "happened_at"),
    )
    ahead = judged.filter(col("known_until").dt.truncate("1ms") > col("happened_at"))
    if len(ahead):
        raise ValueError(
            f"{len(ahead)} reactions came before what their slate claims to have known: interaction {ahead['id'][0]} "
            f"happened at {ahead['happened_at'][0]}, known_until is {ahead['known_until'][0]}."
        )
    return judged


def _with_reading(log: pl.DataFrame) -> pl.DataFrame:
    """Each reaction with `read_ms`, null but for clicks: the visible reading of the item in the visit; without a visit,
    in the half hour after."""
    acts = log.filter(col("kind").is_in(HISTORY_KINDS)).with_row_index("act")
    dwells = log.filter(col("kind") == Kind.DWELL)
    clicks = acts.filter(col("kind") == Kind.CLICK).select("act", "reader_id", "item_id", "visit_id", "happened_at")
    in_visit = clicks.join(dwells, on=["reader_id", "item_id", "visit_id"])
    without = clicks.filter(col("visit_id").is_null()).join(
        dwells.filter(col("visit_id").is_null()), on=["reader_id", "item_id"]
    )
    age = col("happened_at_right") - col("happened_at")
    without = without.filter(age.is_between(timedelta(0), READING_FOLLOWS_WITHIN))
    read = pl.concat([in_visit.select("act", "dwell_ms"), without.select("act", "dwell_ms")])
    return acts.join(read.group_by("act").agg(read_ms=col("dwell_ms").sum()), on="act", how="left").sort("act")


def _time_of_id(name: str) -> pl.Expr:
    """When a UUID of version 7 was made: its first 48 bits are milliseconds."""
    milliseconds = pl.lit(b"\0\0") + col(name).bin.slice(0, 6)
    return (
        milliseconds.bin.reinterpret(dtype=pl.Int64, endianness="big")
        .cast(pl.Datetime("ms", "UTC"))
        .cast(pl.Datetime("us", "UTC"))
    )


def _one_a_day(judged: pl.DataFrame) -> pl.DataFrame:
    """One row a reader x item x day that has a positive and no standing refusal.

    The state is that of the day's first reaction, positive or not: a click must not explain the like that follows it.
    """
    first = judged.group_by("reader_id", "item_id", day=col("happened_at").dt.date(), maintain_order=True).agg(
        col("reader_bucket", "happened_at", "surface", "visit_id", "tie", "state_at", "strict").first(),
        col("weight").max(),
        col("refused").any(),
    )
    return first.filter((col("weight") > 0) & ~col("refused"))


# --- states: for each positive the numbers of log rows that were known before it ---


@dataclass(frozen=True, eq=False)
class _Past:
    """rows[offsets[i] : offsets[i + 1]] are of positive i, in the order in which they happened."""

    offsets: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class _Errands:
    """The visits in which readers searched, and those whose searches led to a positive. -1: none."""

    of_row: np.ndarray
    of_positive: np.ndarray


def _errands(searches: pl.DataFrame, positives: pl.DataFrame) -> _Errands:
    visits = pl.concat([searches["visit_id"], positives["visit_id"]])
    codes = visits.rank("dense").cast(pl.Int64).fill_null(-1).to_numpy()
    led = ((positives["surface"] == Surface.SEARCH) & positives["visit_id"].is_not_null()).to_numpy()
    return _Errands(codes[: len(searches)], np.where(led, codes[len(searches) :], -2))


def _past(log: pl.DataFrame, positives: pl.DataFrame, *, most: int, errands: _Errands | None = None) -> _Past:
    """The last `most` rows of `log` that the site knew of each positive's reader at its `state_at`.

    Of what happened until then, the last `2 * most` rows are looked at; where that was not enough, because some were
    reported late or taken back, twice as many.
    """
    if log.is_empty():
        return _Past(np.zeros(len(positives) + 1, np.int64), np.empty(0, np.int64))
    start, end = _reach(log, positives)
    received, undone = _microseconds(log["received_at"]), _microseconds(log["undo_received_at"].fill_null(_NEVER))
    state_at = _microseconds(positives["state_at"])
    received_before = state_at + np.where(positives["strict"].to_numpy(), 0, 1)
    found = [np.empty((2, 0), np.int64)]
    width, waiting = 2 * most, np.arange(len(positives))
    while len(waiting):
        unfinished = []
        for part in np.array_split(waiting, len(waiting) * width // _CELLS_AT_ONCE + 1):
            rows = end[part, None] - 1 - np.arange(width)  # (part, width), the most recent first
            known = rows >= start[part, None]
            rows = np.where(known, rows, 0)
            known &= (received[rows] < received_before[part, None]) & (undone[rows] > state_at[part, None])
            if errands is not None:
                known &= errands.of_row[rows] != errands.of_positive[part, None]
            known &= np.cumsum(known, axis=1) <= most
            finished = (known.sum(axis=1) == most) | (end[part] - width <= start[part])
            place, column = np.nonzero(known & finished[:, None])
            found.append(np.stack([part[place], rows[place, column]]))
            unfinished.append(part[~finished])
        width, waiting = 2 * width, np.concatenate(unfinished)
    owners, rows = np.concatenate(found, axis=1)
    counts = np.bincount(owners, minlength=len(positives))
    return _Past(np.concatenate([[0], np.cumsum(counts)]), rows[np.lexsort((rows, owners))])


def _reach(log: pl.DataFrame, positives: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """For each positive the range of log rows of its reader that had happened by `state_at`."""
    times = np.concatenate([_microseconds(log["happened_at"]), _microseconds(positives["state_at"])])
    rank = np.unique(times, return_inverse=True)[1]
    readers = np.concatenate([log["reader_id"].to_numpy(), positives["reader_id"].to_numpy()])
    reader = np.unique(readers, return_inverse=True)[1]
    key = reader * (len(times) + 1) + rank  # sorts by reader, then by time
    of_log, of_positives = key[: len(log)], key[len(log) :]
    end = np.searchsorted(of_log, of_positives, side="right")
    start = np.searchsorted(reader[: len(log)], reader[len(log) :], side="left")
    return start, end


def _microseconds(times: pl.Series) -> np.ndarray:
    return times.dt.timestamp("us").to_numpy()


def _table(positives: pl.DataFrame, items: pl.DataFrame, past: _Past, searches: pl.DataFrame, asked: _Past) -> pa.Table:
    owner_state_at = np.repeat(_microseconds(positives["state_at"]), np.diff(past.offsets))
    ages_s = (owner_state_at - _microseconds(items["happened_at"])[past.rows]) / 1e6
    codes = items["kind"].replace_strict({str(kind): code for code, kind in enumerate(HISTORY_KINDS)}).to_numpy()
    kinds = pa.DictionaryArray.from_arrays(
        pa.array(codes[past.rows], pa.int8()), pa.array([str(kind) for kind in HISTORY_KINDS])
    )
    columns = {
        "history": _lists(past, pa.array(items["item_id"].to_numpy()[past.rows])),
        "history_kinds": _lists(past, kinds),
        "history_ages_s": _lists(past, pa.array(ages_s, pa.float32())),
        "searches": _lists(asked, searches["query"].gather(asked.rows).to_arrow().cast(pa.string())),
    }
    return pa.table(
        [
            columns[field.name] if field.name in columns else positives[field.name].to_arrow().cast(field.type)
            for field in RETRIEVER_POSITIVES
        ],
        schema=RETRIEVER_POSITIVES,
    )


def _lists(past: _Past, values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(past.offsets, pa.int32()), values)
