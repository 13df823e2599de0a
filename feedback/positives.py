"""What readers' interactions teach the retriever: pairs of a reader's state and an item. See docs/learning.md.

Arrow in, Arrow out, and nothing but the arguments: this knows no database and no clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

import polars as pl
import pyarrow as pa
from polars import col

from feedback.kinds import HISTORY_KINDS, READ_MS, WEIGHTS, Kind
from feedback.states import STATES, StatesConfig, in_order, state_columns

READING_FOLLOWS_WITHIN = timedelta(minutes=30)
"""Reading that names no visit belongs to a click of so long before."""

_POSITIVE_KINDS = tuple(kind for kind in Kind if WEIGHTS[kind].retriever)
_TIME = pa.timestamp("us", tz="UTC")

RETRIEVER_POSITIVES = pa.schema(
    {
        "reader_id": pa.int64(),
        "reader_bucket": pa.int16(),
        "item_id": pa.int64(),
        "happened_at": _TIME,
        "weight": pa.float32(),
        "surface": pa.string(),
        "state_at": _TIME,
        **{field.name: field.type for field in STATES},
    }
)
"""One row a reader x item x day (UTC), by reader and time.

happened_at, surface: of the day's first reaction to the item; weight: of the strongest positive of that day.
state_at: what the site knew then is the state; for a reaction without a slate, what it knew before `happened_at`.
The rest are `feedback.states.STATES`.
"""


def find_positives(
    histories: pa.Table, *, since: datetime, until: datetime, config: StatesConfig | None = None
) -> pa.Table:
    """The `RETRIEVER_POSITIVES` that happened in [since, until), as known at `until`; states reach back before `since`.

    Raises ValueError for a slate that claims to have known what came after the reaction to it.
    """
    config = config or StatesConfig()
    log = in_order(cast(pl.DataFrame, pl.from_arrow(histories)).filter(col("received_at") <= until), config.seed)
    positives = _one_a_day(_judged(log, until)).filter(col("happened_at").is_between(since, until, closed="left"))
    positives = positives.sort("reader_id", "happened_at", "tie")
    return _table(positives, state_columns(log, positives, config, apart_from_errands=True))


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


def _table(positives: pl.DataFrame, states: dict[str, pa.Array]) -> pa.Table:
    return pa.table(
        [
            states[field.name] if field.name in states else positives[field.name].to_arrow().cast(field.type)
            for field in RETRIEVER_POSITIVES
        ],
        schema=RETRIEVER_POSITIVES,
    )
