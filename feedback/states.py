"""What the site knew of readers at moments that are past: the states of which positives, and slates, are made.

Arrow in, Arrow out, and nothing but the arguments: this knows no database and no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa
from polars import col

from feedback.kinds import HISTORY_KINDS, Kind
from feedback.surfaces import Surface
from feedback.ties import scattered

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

STATES = pa.schema(
    {
        "history": pa.list_(pa.int64()),
        "history_kinds": pa.list_(pa.dictionary(pa.int8(), pa.string())),
        "history_ages_s": pa.list_(pa.float32()),
        "searches": pa.list_(pa.string()),
    }
)
"""history, history_kinds, history_ages_s: run parallel, most recent last; ages in seconds at the state's moment.
searches: most recent last."""


@dataclass(frozen=True)
class StatesConfig:
    """How much of a reader's past a state holds. seed: breaks ties between things of the same moment."""

    history_length: int = 50
    num_searches: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.history_length < 1 or self.num_searches < 1:
            raise ValueError(f"A state holds at least one thing of each, not {self}.")
        if not 0 <= self.seed < 1 << 64:
            raise ValueError(f"seed is {self.seed}, but must be from 0 to 2**64 - 1.")


def find_states(histories: pa.Table, asked: pa.Table, config: StatesConfig) -> pa.Table:
    """`STATES`, a row for each of `asked`: what the site had received by then of what had happened by then, and nobody
    had taken back.

    histories: `HISTORIES` of these readers.  asked: reader_id, int64, and state_at; a reader without a history has an
    empty state.
    """
    moments = cast(pl.DataFrame, pl.from_arrow(asked.select(["reader_id", "state_at"])))
    log = in_order(cast(pl.DataFrame, pl.from_arrow(histories)), config.seed)
    columns = state_columns(log, moments.with_columns(strict=pl.lit(value=False)), config)
    return pa.table([columns[field.name].cast(field.type) for field in STATES], schema=STATES)


def in_order(log: pl.DataFrame, seed: int) -> pl.DataFrame:
    """By reader and time. What shares a moment stands in a random, fixed order: neither item ids nor the order of
    arrival may be learned."""
    ties = scattered(log["id"].to_numpy(), seed)
    return log.with_columns(tie=pl.Series(ties)).sort("reader_id", "happened_at", "tie")


def state_columns(
    log: pl.DataFrame, asked: pl.DataFrame, config: StatesConfig, *, apart_from_errands: bool = False
) -> dict[str, pa.Array]:
    """The columns of `STATES`, a row for each of `asked`.

    log: `in_order`.  asked: reader_id, state_at, strict (bool): whether what was received in that very moment is left
    out.  apart_from_errands: a search that led to what is asked about, as its visit_id and surface tell, is left out.
    """
    items, searches = log.filter(col("kind").is_in(HISTORY_KINDS)), log.filter(col("kind") == Kind.SEARCH)
    past = _past(items, asked, most=config.history_length)
    errands = _errands(searches, asked) if apart_from_errands else None
    searched = _past(searches, asked, most=config.num_searches, errands=errands)
    owner_state_at = np.repeat(_microseconds(asked["state_at"]), np.diff(past.offsets))
    ages_s = (owner_state_at - _microseconds(items["happened_at"])[past.rows]) / 1e6
    codes = items["kind"].replace_strict({str(kind): code for code, kind in enumerate(HISTORY_KINDS)}).to_numpy()
    kinds = pa.DictionaryArray.from_arrays(
        pa.array(codes[past.rows], pa.int8()), pa.array([str(kind) for kind in HISTORY_KINDS])
    )
    return {
        "history": _lists(past, pa.array(items["item_id"].to_numpy()[past.rows])),
        "history_kinds": _lists(past, kinds),
        "history_ages_s": _lists(past, pa.array(ages_s, pa.float32())),
        "searches": _lists(searched, searches["query"].gather(searched.rows).to_arrow().cast(pa.string())),
    }


# --- for each moment the numbers of log rows that were known before it ---


@dataclass(frozen=True, eq=False)
class _Past:
    """rows[offsets[i] : offsets[i + 1]] are of moment i, in the order in which they happened."""

    offsets: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True, eq=False)
class _Errands:
    """The visits in which readers searched, and those whose searches led to what is asked about. -1: none."""

    of_row: np.ndarray
    of_asked: np.ndarray


def _errands(searches: pl.DataFrame, asked: pl.DataFrame) -> _Errands:
    visits = pl.concat([searches["visit_id"], asked["visit_id"]])
    codes = visits.rank("dense").cast(pl.Int64).fill_null(-1).to_numpy()
    led = ((asked["surface"] == Surface.SEARCH) & asked["visit_id"].is_not_null()).to_numpy()
    return _Errands(codes[: len(searches)], np.where(led, codes[len(searches) :], -2))


def _past(log: pl.DataFrame, asked: pl.DataFrame, *, most: int, errands: _Errands | None = None) -> _Past:
    """The last `most` rows of `log` that the site knew of each moment's reader at its `state_at`.

    Of what happened until then, the last `2 * most` rows are looked at; where that was not enough, because some were
    reported late or taken back, twice as many.
    """
    if log.is_empty():
        return _Past(np.zeros(len(asked) + 1, np.int64), np.empty(0, np.int64))
    start, end = _reach(log, asked)
    received, undone = _microseconds(log["received_at"]), _microseconds(log["undo_received_at"].fill_null(_NEVER))
    state_at = _microseconds(asked["state_at"])
    received_before = state_at + np.where(asked["strict"].to_numpy(), 0, 1)
    found = [np.empty((2, 0), np.int64)]
    width, waiting = 2 * most, np.arange(len(asked))
    while len(waiting):
        unfinished = []
        for part in np.array_split(waiting, len(waiting) * width // _CELLS_AT_ONCE + 1):
            rows = end[part, None] - 1 - np.arange(width)  # (part, width), the most recent first
            known = rows >= start[part, None]
            rows = np.where(known, rows, 0)
            known &= (received[rows] < received_before[part, None]) & (undone[rows] > state_at[part, None])
            if errands is not None:
                known &= errands.of_row[rows] != errands.of_asked[part, None]
            known &= np.cumsum(known, axis=1) <= most
            finished = (known.sum(axis=1) == most) | (end[part] - width <= start[part])
            place, column = np.nonzero(known & finished[:, None])
            found.append(np.stack([part[place], rows[place, column]]))
            unfinished.append(part[~finished])
        width, waiting = 2 * width, np.concatenate(unfinished)
    owners, rows = np.concatenate(found, axis=1)
    counts = np.bincount(owners, minlength=len(asked))
    return _Past(np.concatenate([[0], np.cumsum(counts)]), rows[np.lexsort((rows, owners))])


def _reach(log: pl.DataFrame, asked: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """For each moment the range of log rows of its reader that had happened by `state_at`."""
    times = np.concatenate([_microseconds(log["happened_at"]), _microseconds(asked["state_at"])])
    rank = np.unique(times, return_inverse=True)[1]
    readers = np.concatenate([log["reader_id"].to_numpy(), asked["reader_id"].to_numpy()])
    reader = np.unique(readers, return_inverse=True)[1]
    key = reader * (len(times) + 1) + rank  # sorts by reader, then by time
    of_log, of_asked = key[: len(log)], key[len(log) :]
    end = np.searchsorted(of_log, of_asked, side="right")
    start = np.searchsorted(reader[: len(log)], reader[len(log) :], side="left")
    return start, end


def _microseconds(times: pl.Series) -> np.ndarray:
    return times.dt.timestamp("us").to_numpy()


def _lists(past: _Past, values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(past.offsets, pa.int32()), values)
