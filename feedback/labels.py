"""What a visit teaches the ranker: one label for each item that it showed. See docs/learning.md.

Arrow in, Arrow out, and nothing but the arguments: this knows no database and no clock. Labels use when a thing
happened, of what had been received by `until`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa
from polars import col

from feedback.kinds import READ_MS, WEIGHTS, Kind
from feedback.models import Slate
from feedback.surfaces import Surface
from feedback.visit_log import VisitLog
from feedback.visits import VISIT_OVER_AFTER

LABELS = ("unknown", "negative", "dismissed", "positive")
UNKNOWN, NEGATIVE, DISMISSED, POSITIVE = range(len(LABELS))

POSITIVE_KINDS = tuple(
    sorted((kind for kind in Kind if WEIGHTS[kind].ranker_gain), key=lambda k: WEIGHTS[k].ranker_gain)
)
"""Kinds that make a positive, from the lowest to the highest."""

REACTIONS = (*POSITIVE_KINDS, Kind.DISMISS, Kind.ALREADY_SEEN)
"""What answers an exposure. Dwell only says how a click went."""

_TIME = pa.timestamp("us", tz="UTC")
_UUID = pa.binary(16)

LABELLED_VISITS = pa.schema(
    {
        "visit_id": _UUID,
        "reader_public_id": _UUID,
        "reader_bucket": pa.int16(),
        "slate_id": _UUID,
        "position": pa.int32(),
        "columns": pa.int16(),
        "item_id": pa.int64(),
        "label": pa.dictionary(pa.int8(), pa.string()),
        "gain": pa.int8(),
        "kind": pa.dictionary(pa.int8(), pa.string()),
        "surface": pa.string(),
        "served_at": _TIME,
        "viewed_at": _TIME,
        "known_until": _TIME,
        "counts_as_of": _TIME,
        "release": pa.int32(),
        "policy": pa.string(),
        "propensity": pa.float64(),
        "score": pa.float32(),
        "feature_set": pa.string(),
        "features": pa.large_binary(),
    }
)
"""One row a reader x item x visit; rows of a visit adjacent, in the order in which they were served.

position: absolute in the visit's scroll, from 0.  columns: cards side by side where it was shown, null where the
browser did not say; a place on the page is both.  gain: of `kind`, the highest that stands; 0 and null unless positive.
features: little-endian float32 as the ranker used them, null where it used none.
"""


@dataclass(frozen=True)
class LabelConfig:
    """skip_above: only what stood above the last click of a visit can be negative. For comparison: it teaches a ranker
    to reverse the order that was shown.
    unviewed: what a visit was served and did not bring to the screen is negative, too. For comparison: it says nothing
    of what the reader thinks."""

    skip_above: bool = False
    unviewed: bool = False


def label_visits(log: VisitLog, *, until: datetime, config: LabelConfig | None = None) -> pa.Table:
    """The `LABELLED_VISITS` of visits that were over by `until`.

    Raises ValueError for a slate that claims to have known something later than its serving.
    """
    _refuse_look_ahead(log.slates)
    slates = _in_order(log.slates)
    views = _of_slates(log.views, slates, until)
    interactions = _of_visits(log.interactions, slates, until)
    over = _visits_over(slates, views, interactions, until)
    slots = _slots(slates.join(over, on="visit", how="semi", maintain_order="left"), views)
    rows = _one_per_visit_and_item(slots.join(_answers(interactions), on=["visit", "item_id"], how="left"))
    config = config or LabelConfig()
    rows = rows.sort("row").with_columns(_label(unviewed=config.unviewed).alias("label"))
    if config.skip_above:
        rows = rows.with_columns(_skip_above().alias("label"))
    return _table(rows, slates, log.slates)


def _refuse_look_ahead(slates: pa.Table) -> None:
    frame = _frame(slates.select(["slate_id", "served_at", "known_until", "counts_as_of"]))
    for name in ("known_until", "counts_as_of"):
        ahead = frame.filter(col(name) > col("served_at"))
        if len(ahead):
            slate_id, served_at = cast(bytes, ahead["slate_id"][0]), ahead["served_at"][0]
            raise ValueError(
                f"{len(ahead)} slates look into the future: {slate_id.hex()} was served at {served_at} and claims "
                f"{name} {ahead[name][0]}. Nothing can be learned from such features; find out who wrote them."
            )


def _in_order(slates: pa.Table) -> pl.DataFrame:
    """Slates by visit and time, with whole numbers for what was 16 bytes: `slate`, `visit`; `at` leads back to the
    table's row."""
    frame = _frame(slates.drop_columns(["features"])).with_row_index("at")
    ordered = frame.sort("visit_id", "served_at", "first_position", "slate_id")
    return ordered.with_row_index("slate").with_columns(col("visit_id").rle_id().alias("visit"))


def _of_slates(views: pa.Table, slates: pl.DataFrame, until: datetime) -> pl.DataFrame:
    known = _frame(views).filter(col("received_at") <= until)
    return known.join(slates.select("slate_id", "slate", "visit"), on="slate_id").select(
        "slate", "visit", "viewed_at", position=col("position").cast(pl.Int32)
    )


def _of_visits(interactions: pa.Table, slates: pl.DataFrame, until: datetime) -> pl.DataFrame:
    known = _frame(interactions).filter(col("received_at") <= until)
    visits = slates.select("visit_id", "visit").unique()
    return known.join(visits, on="visit_id").with_columns(
        undone=(col("undo_received_at") <= until).fill_null(value=False)
    )


def _visits_over(
    slates: pl.DataFrame, views: pl.DataFrame, interactions: pl.DataFrame, until: datetime
) -> pl.DataFrame:
    events = pl.concat(
        [
            slates.select("visit", at="served_at"),
            views.select("visit", at="viewed_at"),
            interactions.select("visit", at="happened_at"),
        ]
    )
    return events.group_by("visit").agg(col("at").max()).filter(col("at") <= until - VISIT_OVER_AFTER)


def _slots(slates: pl.DataFrame, views: pl.DataFrame) -> pl.DataFrame:
    """One row an impression, in the order of serving, with when it was viewed and whether any of its slate was."""
    lists = {"item_id": "items", "score": "scores", "propensity": "propensities", "branch": "branches"}
    slots = (
        slates.filter(col("items").list.len() > 0)
        .select("slate", "visit", "served_at", "first_position", "surface", **{k: col(v) for k, v in lists.items()})
        .with_columns(slot=pl.int_ranges(pl.lit(0), col("item_id").list.len(), dtype=pl.Int32))
        .explode("slot", *lists)
        .with_columns(position=col("slot") + col("first_position"))
        .with_row_index("row")
    )
    return slots.join(views.drop("visit"), on=["slate", "position"], how="left", maintain_order="left").with_columns(
        confirmed=col("slate").is_in(views["slate"].unique().implode())
    )


def _answers(interactions: pl.DataFrame) -> pl.DataFrame:
    """What a reader said of an item in a visit.

    answered_at: the first reaction, whatever became of it.  rank: of the highest kind that stands, from 1 in
    `POSITIVE_KINDS`; 0 for none, as after a bounce.
    """
    counts = ~col("undone") & ~col("excluded")
    reacted = col("kind").is_in(REACTIONS)
    read = col("dwell_ms").filter(~col("excluded")).sum() >= READ_MS
    ranks = [
        pl.when(_any(kind, counts) & (read if kind == Kind.CLICK else pl.lit(value=True))).then(rank).otherwise(0)
        for rank, kind in enumerate(POSITIVE_KINDS, start=1)
    ]
    return (
        interactions.filter(col("item_id").is_not_null())
        .group_by("visit", "item_id")
        .agg(
            answered_at=col("happened_at").filter(reacted).min(),
            rank=pl.max_horizontal(ranks),
            chosen=(col("kind").is_in(POSITIVE_KINDS) & counts).any(),
            dismissed=_any(Kind.DISMISS, counts),
            already_seen=_any(Kind.ALREADY_SEEN, counts),
            taken_back=(reacted & col("undone")).any(),
            of_no_use=(reacted & col("excluded")).any(),
        )
    )


def _any(kind: Kind, counts: pl.Expr) -> pl.Expr:
    return ((col("kind") == kind) & counts).any()


def _one_per_visit_and_item(slots: pl.DataFrame) -> pl.DataFrame:
    """The last exposure, rather one that was viewed, and never one served after the answer: its features may have
    known what it would be labelled with.

    A token holds the time of serving in whole milliseconds, and answers are clamped to that.
    """
    flags = ["chosen", "dismissed", "already_seen", "taken_back", "of_no_use"]
    slots = slots.with_columns(
        col("rank").fill_null(0),
        *(col(flag).fill_null(value=False) for flag in flags),
        asked=col("answered_at").is_null() | (col("served_at").dt.truncate("1ms") <= col("answered_at")),
    )
    worth = 2 * col("asked").cast(pl.Int64) + col("viewed_at").is_not_null().cast(pl.Int64)
    preference = worth * (1 << 40) + col("row").cast(pl.Int64)
    return slots.filter(preference == preference.max().over("visit", "item_id"))


def _label(*, unviewed: bool) -> pl.Expr:
    """The first rule that holds decides."""
    cannot_teach = ~col("confirmed") | (col("branch") == Slate.Branch.PINNED) | ~col("asked") | col("of_no_use")
    said_too_little = col("chosen") | col("taken_back") | col("already_seen")
    unseen = pl.lit(value=False) if unviewed else col("viewed_at").is_null()
    not_judged = unseen | (col("surface") == Surface.SEARCH)
    return (
        pl.when(cannot_teach)
        .then(UNKNOWN)
        .when(col("dismissed"))
        .then(DISMISSED)
        .when(col("rank") > 0)
        .then(POSITIVE)
        .when(said_too_little | not_judged)
        .then(UNKNOWN)
        .otherwise(NEGATIVE)
        .cast(pl.Int8)
    )


def _skip_above() -> pl.Expr:
    last_click = col("row").filter(col("chosen")).max().over("visit")
    below = (col("row") > last_click) | last_click.is_null()
    return pl.when((col("label") == NEGATIVE) & below).then(UNKNOWN).otherwise(col("label")).cast(pl.Int8)


def _table(rows: pl.DataFrame, slates: pl.DataFrame, logged: pa.Table) -> pa.Table:
    """`LABELLED_VISITS`: what is a slate's is taken from the logged table by row, so it keeps its exact bytes."""
    at = slates["at"].gather(rows["slate"])
    of_slate = logged.drop_columns(["features"]).take(pa.array(at.to_numpy()))
    positive = (rows["label"] == POSITIVE).to_numpy()
    kind = np.where(positive, rows["rank"].to_numpy() - 1, 0)
    gains = np.array([WEIGHTS[kind].ranker_gain for kind in POSITIVE_KINDS])
    columns = {
        "label": _enum(rows["label"].to_numpy(), LABELS),
        "gain": pa.array(np.where(positive, gains[kind], 0), pa.int8()),
        "kind": _enum(kind, POSITIVE_KINDS, mask=~positive),
        "features": _features(logged, at.to_numpy(), rows["slot"].to_numpy()),
        **{name: rows[name].to_arrow() for name in ("position", "item_id", "viewed_at", "propensity", "score")},
    }
    return pa.table(
        [
            (columns[field.name] if field.name in columns else of_slate[field.name]).cast(field.type)
            for field in LABELLED_VISITS
        ],
        schema=LABELLED_VISITS,
    )


def _enum(codes: np.ndarray, names: tuple[str, ...], mask: np.ndarray | None = None) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, pa.int8(), mask=mask), pa.array([str(name) for name in names])
    )


def _features(slates: pa.Table, at: np.ndarray, slot: np.ndarray) -> pa.LargeBinaryArray:
    """A slot's share of its slate's bytes, for each row: (slots, columns) float32 lie row by row."""
    whole = slates["features"].combine_chunks().cast(pa.large_binary())
    ends = np.frombuffer(whole.buffers()[1], np.int64)[whole.offset : whole.offset + len(whole) + 1]
    size = np.diff(ends)  # (slates,) bytes; 0 where there are none
    slots = slates["items"].combine_chunks().value_lengths().to_numpy(zero_copy_only=False)  # (slates,)
    width, rest = np.divmod(size, np.maximum(slots, 1) * 4)
    if rest.any():
        slate_id = slates["slate_id"][int(np.flatnonzero(rest)[0])].as_py().hex()
        raise ValueError(f"The features of slate {slate_id} are not one row of float32 a slot.")
    first_slot = np.concatenate([[0], np.cumsum(slots)])  # (slates + 1,)
    offsets = ends[0] + np.concatenate([[0], np.cumsum(np.repeat(width * 4, slots))])  # (all slots + 1,)
    shares = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), int(first_slot[-1]), [None, pa.py_buffer(offsets), whole.buffers()[2]]
    )
    return shares.take(pa.array(first_slot[at] + slot, mask=size[at] == 0))


def _frame(table: pa.Table) -> pl.DataFrame:
    return cast(pl.DataFrame, pl.from_arrow(table))
