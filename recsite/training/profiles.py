"""What readers say of themselves and follow, beside each positive: the columns of a state that no history tells."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import polars as pl
import pyarrow as pa
from polars import col
from psycopg import sql

from feedback.adbc import dbapi
from feedback.kinds import Kind
from feedback.log_connection import fetch, one_moment
from retrieval.features import attribute_texts

_TIME = pa.timestamp("us", tz="UTC")

READERS = pa.schema(
    {
        "reader_id": pa.int64(),
        "languages": pa.list_(pa.string()),
        "country": pa.string(),
        "attributes": pa.string(),
        "created_at": _TIME,
    }
)
"""attributes: a JSON object."""

FOLLOWS = pa.schema(
    {
        "reader_id": pa.int64(),
        "topic": pa.int64(),
        "author": pa.int64(),
        "received_at": _TIME,
        "undo_received_at": _TIME,
    }
)
"""One of topic and author is null."""

PROFILE_COLUMNS = pa.schema(
    {
        "topics": pa.list_(pa.int64()),
        "authors": pa.list_(pa.int64()),
        "languages": pa.list_(pa.string()),
        "country": pa.string(),
        "attributes": pa.list_(pa.string()),
        "first_seen_s": pa.float64(),
    }
)
"""As in `retrieval.features.STATES`, in the order in which serving asks: ids and codes rising.
first_seen_s: when the reader's row was made, seconds since 1970 UTC: a history can begin before it."""

_READERS = sql.SQL(
    "SELECT id AS reader_id, languages, country, attributes::text AS attributes, created_at FROM catalog_reader"
)
_FOLLOWS = sql.SQL("""
    SELECT reader_id, topic_id AS topic, author_id AS author, received_at, undo_received_at
    FROM feedback_interaction WHERE kind = {follow} AND excluded IS NULL AND received_at <= {until}
""")


@dataclass(frozen=True, eq=False)
class Profiles:
    """readers: `READERS`.  follows: `FOLLOWS`.

    Of what readers say of themselves only today's is kept, so every state gets that; what they followed has its times.
    """

    readers: pa.Table
    follows: pa.Table


def read_profiles(session: dbapi.Connection, *, until: datetime) -> Profiles:
    """Of everybody, with follows that the site knew at `until`."""
    with one_moment(session) as cursor:
        return Profiles(
            readers=fetch(cursor, sql.Composed([_READERS])).cast(READERS),
            follows=fetch(cursor, _FOLLOWS.format(follow=str(Kind.FOLLOW), until=until)).cast(FOLLOWS),
        )


def with_profiles(positives: pa.Table, profiles: Profiles) -> pa.Table:
    """The table, its rows as they were, with `PROFILE_COLUMNS` of each state at its `state_at`.

    positives: with reader_id, happened_at and state_at, as `feedback.positives.RETRIEVER_POSITIVES`.
    """
    states = _frame(positives.select(["reader_id", "happened_at", "state_at"])).with_row_index("row")
    said = states.join(_said(profiles.readers), on="reader_id", how="left", maintain_order="left")
    columns = {name: said[name].to_arrow() for name in ("languages", "country", "attributes", "first_seen_s")}
    columns |= {f"{name}s": _followed(states, profiles.follows, name) for name in ("topic", "author")}
    for field in PROFILE_COLUMNS:
        positives = positives.append_column(field, columns[field.name].cast(field.type))
    return positives


def _said(readers: pa.Table) -> pl.DataFrame:
    texts = [attribute_texts(json.loads(one) if one else {}) for one in readers["attributes"].to_pylist()]
    return _frame(readers.drop_columns(["attributes"])).with_columns(
        col("languages").list.sort(),
        attributes=pl.Series(texts, dtype=pl.List(pl.String)),
        first_seen_s=col("created_at").dt.timestamp("us") / 1e6,
    )


def _followed(states: pl.DataFrame, follows: pa.Table, name: str) -> pa.Array:
    """A list a state. What came after `state_at`, or was taken back by then, is not in it.

    A state of no slate is from before its event (as in `feedback.positives`), so a follow of that moment is later.
    """
    of_kind = _frame(follows).filter(col(name).is_not_null())
    is_strict = col("state_at") == col("happened_at")
    known = (
        pl.when(is_strict).then(col("received_at") < col("state_at")).otherwise(col("received_at") <= col("state_at"))
    )
    stands = col("undo_received_at").is_null() | (col("undo_received_at") > col("state_at"))
    lists = states.join(of_kind, on="reader_id").filter(known & stands).group_by("row").agg(col(name).unique().sort())
    all_rows = states.select("row").join(lists, on="row", how="left", maintain_order="left")
    return all_rows[name].fill_null([]).to_arrow()


def _frame(table: pa.Table) -> pl.DataFrame:
    return cast(pl.DataFrame, pl.from_arrow(table))
