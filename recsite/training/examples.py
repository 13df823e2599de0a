"""What the log teaches, as plain tables: who chose what, in which state, and what is known of the items.

Everything is held in memory at once, about 7 KB a positive whose reader has a full history; a stream by fragment, as
`feedback.examples` gives, is a later step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from polars import col
from psycopg import sql

from feedback.adbc import dbapi
from feedback.log_connection import fetch, log_connection, one_moment
from feedback.log_histories import plan_readers, read_histories
from feedback.models import Slate
from feedback.positives import RETRIEVER_POSITIVES, find_positives
from feedback.states import StatesConfig
from feedback.surfaces import Surface
from recsite.funnel.query import HISTORY_LENGTH
from recsite.releases.catalogue_reading import read_items
from recsite.training.profiles import PROFILE_COLUMNS, read_profiles, with_profiles
from retrieval.ids import UNKNOWN, IdMap
from retrieval.interactions import Interactions

ORIGIN = pa.schema({"imported": pa.bool_(), "unprompted": pa.bool_()})
"""imported: of a history that came with the catalogue.  unprompted: the feed did not cause it (search, topic pages,
direct links), or proposed it in a slot that was drawn to explore."""

POSITIVES = pa.schema([*RETRIEVER_POSITIVES, *PROFILE_COLUMNS, *ORIGIN])
"""Also tables of `retrieval.spool.POSITIVES` and `retrieval.features.STATES`."""

PROMPTED_SURFACES = (Surface.HOME, Surface.SIMILAR)

ROWS_A_TABLE = 20_000

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_KEY = ("reader_id", "item_id", "happened_at")

_EXPLORED = sql.SQL("""
    SELECT i.reader_id, i.item_id, i.happened_at
    FROM feedback_interaction AS i JOIN feedback_slate AS s ON s.id = i.slate_id
    WHERE i.reader_id BETWEEN {first} AND {last} AND i.item_id IS NOT NULL AND i.position IS NOT NULL
        AND s.branches[i.position - s.first_position + 1] IN ({pool}, {outside})
""")


@dataclass(frozen=True, eq=False)
class History:
    """positives: `POSITIVES`, by reader and time, of the items that follow.  items: `retrieval.content.ITEM_CONTENT`,
    what nobody has hidden, by id."""

    positives: pa.Table
    items: pa.Table

    def before(self, moment: datetime) -> pa.Table:
        """Positives that happened before it."""
        return self.positives.filter(pc.less(self.positives["happened_at"], _scalar(moment)))

    def between(self, since: datetime, until: datetime) -> pa.Table:
        """Positives of [since, until)."""
        happened_at = self.positives["happened_at"]
        inside = pc.and_(pc.greater_equal(happened_at, _scalar(since)), pc.less(happened_at, _scalar(until)))
        return self.positives.filter(inside)

    def tables(self, until: datetime) -> Iterator[pa.Table]:
        """`before(until)` in parts of about `ROWS_A_TABLE` rows that divide no reader."""
        known = self.before(until)
        if not len(known):
            return
        readers = known["reader_id"].to_numpy()
        firsts = np.flatnonzero(np.diff(readers, prepend=-1))
        cuts = firsts[np.flatnonzero(np.diff(firsts // ROWS_A_TABLE, prepend=-1))]
        for start, end in zip(cuts, [*cuts[1:], len(known)], strict=True):
            yield known.slice(int(start), int(end - start))

    @cached_property
    def events(self) -> Events:
        """All of them, in order of time."""
        times_us = pc.cast(self.positives["happened_at"], pa.int64()).to_numpy()
        order = np.argsort(times_us, kind="stable")
        interactions = Interactions(
            self.positives["reader_id"].to_numpy()[order],
            self.positives["item_id"].to_numpy()[order],
            times_us[order] / 1e6,
            self.positives["weight"].to_numpy()[order],
        )
        return Events(interactions, self.positives["imported"].to_numpy()[order])

    def interactions(self, until: datetime | None = None) -> Interactions:
        """In order of time; None for all."""
        everything = self.events.interactions
        return everything if until is None else everything.before(until.timestamp())

    def first_chosen_s(self, item_ids: np.ndarray) -> np.ndarray:
        """(n,) float64, when anybody chose each for the first time, seconds since 1970 UTC; inf for never."""
        ids, times_s = self._first_choices
        rows = ids.idx_of(item_ids)
        return np.where(rows == UNKNOWN, np.inf, np.append(times_s, np.inf)[rows])

    @cached_property
    def _first_choices(self) -> tuple[IdMap, np.ndarray]:
        events = self.events.interactions
        items, first = np.unique(events.item_ids, return_index=True)
        return IdMap(items), events.times_s[first]


@dataclass(frozen=True, eq=False)
class Events:
    """imported: (n,) bool, parallel to the interactions."""

    interactions: Interactions
    imported: np.ndarray


def read_history(*, now: datetime) -> History:
    """Everything that the site knew by `now`; states hold up to `HISTORY_LENGTH` interactions, as serving's do."""
    items = read_items()
    with log_connection() as session:
        profiles = read_profiles(session, until=now)
        parts = [POSITIVES.empty_table(), *(with_profiles(part, profiles) for part in _positives(session, now))]
    positives = pa.concat_tables([part.select(POSITIVES.names).cast(POSITIVES) for part in parts])
    return History(positives.filter(pc.is_in(positives["item_id"], items["item_id"].combine_chunks())), items)


def _positives(session: dbapi.Connection, now: datetime) -> Iterator[pa.Table]:
    """With the columns of `ORIGIN`, by reader."""
    config = StatesConfig(history_length=HISTORY_LENGTH)
    for first, last in plan_readers(session):
        histories = read_histories(session, first, last)
        positives = find_positives(histories, since=_BEGINNING, until=now, config=config)
        with one_moment(session) as cursor:
            explored = fetch(cursor, _EXPLORED.format(first=first, last=last, **_BRANCHES))
        yield with_origin(positives, histories.filter(histories["imported"]), explored)


_BRANCHES = {"pool": int(Slate.Branch.POOL), "outside": int(Slate.Branch.OUTSIDE)}


def with_origin(positives: pa.Table, imported: pa.Table, explored: pa.Table) -> pa.Table:
    """The table with the columns of `ORIGIN`. imported, explored: reader_id, item_id and happened_at of what was."""
    frame = _frame(positives.select([*_KEY, "surface"]))
    columns = {
        "imported": _is_in(frame, imported),
        "unprompted": ~frame["surface"].is_in([str(surface) for surface in PROMPTED_SURFACES])
        | _is_in(frame, explored),
    }
    for field in ORIGIN:
        positives = positives.append_column(field, columns[field.name].to_arrow())
    return positives


def _is_in(frame: pl.DataFrame, found: pa.Table) -> pl.Series:
    marked = _frame(found.select(_KEY)).unique().with_columns(found=pl.lit(value=True))
    joined = frame.join(marked, on=_KEY, how="left", maintain_order="left")
    return joined.select(col("found").fill_null(value=False)).to_series()


def _scalar(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, pa.timestamp("us", tz="UTC"))


def _frame(table: pa.Table) -> pl.DataFrame:
    return cast(pl.DataFrame, pl.from_arrow(table))
