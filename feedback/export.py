"""The log as Parquet files, for whoever wants to work with it elsewhere.

    DIR/interactions/2026-03-01.parquet   what was done on that day (UTC)
    DIR/slates/2026-03-01.parquet         slates served on that day
    DIR/views/2026-03-01.parquet          which of their cards were seen, whenever the report came
    DIR/slate_details/2026-03-01.parquet  feature values and whole unions of that day's slates
    DIR/manifest.json                     what is there: rows, columns, and which days can still change

Of one reader there is one file a table, and `reader.json`. A file appears under its name when it is complete and says
itself when it was written, so an export that was stopped in whatever way goes on where it was.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import LiteralString

import pyarrow.parquet as pq
from django.core.serializers.json import DjangoJSONEncoder
from psycopg import sql

from catalog.models import Reader
from feedback.adbc import dbapi
from feedback.forgetting import OF_READERS_SLATES
from feedback.log_connection import log_connection
from feedback.personal_data import profile_of
from feedback.readers import all_public_ids
from feedback.uuid7 import first_uuid7, time_of_uuid7

SCHEMA_VERSION = 1
"""Raised when a column changes its meaning or goes; a new one does not raise it."""

SETTLES_AFTER = timedelta(days=3)
"""A day is written again until so long after its end: reports come late by as much as a token is good for."""

MANIFEST = "manifest.json"
_DAY = timedelta(days=1)
_EXPORTED_AT = b"recsite.exported_at"
_IN_SMALL_BATCHES = {"adbc.postgresql.batch_size_hint_bytes": str(4 * 1024 * 1024)}


class ExportError(ValueError):
    """The folder holds something that this export would spoil."""


@dataclass(frozen=True)
class Table:
    """One table of the export.

    select: its columns, readable and in types that Parquet has; `of_day` and `of_reader` are conditions on its rows.
    source, key: the database's table and its indexed column that tells the time; by_id: it is a slate's id.
    """

    name: str
    select: LiteralString
    of_day: LiteralString
    of_reader: LiteralString
    source: LiteralString
    key: LiteralString
    by_id: bool = True

    def query(self, condition: LiteralString, values: Mapping[str, sql.Literal]) -> sql.Composed:
        """The rows for which `condition` holds."""
        return sql.SQL(self.select) + sql.SQL(" WHERE ") + sql.SQL(condition).format(**values)


_SLATES = """
    SELECT id::text AS slate, visit_id::text AS visit, reader_public_id::text AS reader, served_at, known_until,
           counts_as_of, surface, first_position, columns, release, fallback, policy, policy_parameters::text,
           policy_version, seed, arm, experiments::text, excluded, items, sources, slot_sources, source_scores,
           source_ranks, scores, greedy_items, propensities, branches, teams, removed::text, detail_share
    FROM feedback_slate
"""
_VIEWS = """
    SELECT slate_id::text AS slate, position, item_id AS item, viewed_at, received_at FROM feedback_view
"""
# Arrow has no arrays of two dimensions as PostgreSQL sends them, so cap keys are JSON.
_SLATE_DETAILS = """
    SELECT slate_id::text AS slate, feature_set, features, union_items, union_scores, union_sources, removed_items,
           removed_reasons, pool_items, pool_scores, to_json(pool_cap_keys)::text AS pool_cap_keys, pool_features,
           outside_size, outside_rule
    FROM feedback_slatedetail
"""
_INTERACTIONS = """
    SELECT act.id, reader.public_id::text AS reader, reader.external_id AS reader_external_id, act.kind,
           act.item_id AS item, item.source AS item_source, item.external_id AS item_external_id,
           topic.slug AS topic, author.slug AS author, act.query, act.dwell_ms, act.happened_at, act.received_at,
           act.imported_at, act.undone_at, act.undo_received_at, act.event_id::text AS event, act.surface,
           act.slate_id::text AS slate, act.position, act.visit_id::text AS visit, act.excluded
    FROM feedback_interaction AS act
    JOIN catalog_reader AS reader ON reader.id = act.reader_id
    LEFT JOIN catalog_item AS item ON item.id = act.item_id
    LEFT JOIN catalog_topic AS topic ON topic.id = act.topic_id
    LEFT JOIN catalog_author AS author ON author.id = act.author_id
"""

TABLES = (
    Table(
        name="slates",
        select=_SLATES,
        of_day="id >= {first_id} AND id < {end_id} ORDER BY id",
        of_reader="reader_public_id = ANY({public_ids}) ORDER BY id",
        source="feedback_slate",
        key="id",
    ),
    Table(
        name="views",
        select=_VIEWS,
        of_day="slate_id >= {first_id} AND slate_id < {end_id} ORDER BY slate_id, position",
        of_reader=OF_READERS_SLATES + "ORDER BY slate_id, position",
        source="feedback_view",
        key="slate_id",
    ),
    Table(
        name="slate_details",
        select=_SLATE_DETAILS,
        of_day="slate_id >= {first_id} AND slate_id < {end_id} ORDER BY slate_id",
        of_reader=OF_READERS_SLATES + "ORDER BY slate_id",
        source="feedback_slatedetail",
        key="slate_id",
    ),
    Table(
        name="interactions",
        select=_INTERACTIONS,
        of_day="act.happened_at >= {start} AND act.happened_at < {end} ORDER BY act.happened_at, act.id",
        of_reader="act.reader_id = {reader} ORDER BY act.happened_at, act.id",
        source="feedback_interaction",
        key="happened_at",
        by_id=False,
    ),
)


@dataclass
class ExportSummary:
    """Files that were written, those that were there already, and rows of both."""

    written: int = 0
    kept: int = 0
    rows: dict[str, int] = field(default_factory=dict)


@dataclass
class _Folder:
    """Where an export goes, and what manifest.json will say of it.

    files: rows by file name, also of earlier exports into the same folder.
    """

    path: Path
    now: datetime
    reader: str | None
    files: dict[str, int]
    columns: dict[str, list[str]]
    summary: ExportSummary = field(default_factory=ExportSummary)

    def note(self, table: Table, name: str, rows: int) -> None:
        self.files[name] = rows
        self.summary.rows[table.name] = self.summary.rows.get(table.name, 0) + rows

    def close(self) -> None:
        """Say what is there, however far the export came."""
        rows = dict.fromkeys(sorted(self.columns), 0)
        for name, count in self.files.items():
            table = name.partition("/")[0].removesuffix(".parquet")
            rows[table] = rows.get(table, 0) + count
        document = {
            "schema_version": SCHEMA_VERSION,
            "exported_at": self.now.isoformat(),
            "reader": self.reader,
            "rows": rows,
            "columns": self.columns,
            "files": dict(sorted(self.files.items())),
        }
        _replace(self.path / MANIFEST, json.dumps(document, indent=1) + "\n")


def export_days(
    *,
    folder: Path,
    now: datetime,
    since: date | None = None,
    until: date | None = None,
    rewrite: bool = False,
    with_details: bool = False,
    on_file: Callable[[str, int], None] = lambda name, rows: None,
) -> ExportSummary:
    """Write the log's days from `since` to `until`, both included, a file a table and day; days without rows get none.

    A settled file that is there is kept, unless `rewrite`: what was forgotten or imported since is not in it otherwise.
    Raises ExportError for a folder with another export, and the driver's errors.
    """
    place = _open(folder, now, reader=None)
    chosen = [table for table in TABLES if with_details or table.name != "slate_details"]
    with log_connection() as session, closing(place):
        for table in chosen:
            for day in _days(session, table, since, min(until or now.date(), now.date())):
                name = f"{table.name}/{day}.parquet"
                rows = None if rewrite else _settled_rows(folder / name, day)
                if rows is None:
                    query = table.query(table.of_day, _values_of_day(day))
                    rows, place.columns[table.name] = _write_table(session, query, name, place)
                    place.summary.written += 1
                else:
                    place.summary.kept += 1
                place.note(table, name, rows)
                on_file(name, rows)
    return place.summary


def export_reader(*, folder: Path, now: datetime, reader: Reader | None, public_id: uuid.UUID) -> ExportSummary:
    """Write everything about one person: their profile, and a file a table. Raises ExportError.

    reader: None before the first proof of a person; then only slates may carry the `public_id`.
    """
    place = _open(folder, now, reader=str(public_id))
    values = {
        "public_ids": sql.Literal(list(all_public_ids(public_id, reader))),
        "reader": sql.Literal(None if reader is None else reader.pk),
    }
    profile = {"id": public_id} if reader is None else profile_of(reader)
    _replace(folder / "reader.json", json.dumps(profile, cls=DjangoJSONEncoder, indent=1) + "\n")
    with log_connection() as session, closing(place):
        for table in TABLES:
            name = f"{table.name}.parquet"
            rows, place.columns[table.name] = _write_table(session, table.query(table.of_reader, values), name, place)
            place.note(table, name, rows)
            place.summary.written += 1
    return place.summary


def _open(folder: Path, now: datetime, *, reader: str | None) -> _Folder:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / MANIFEST
    if not path.exists():
        place = _Folder(folder, now, reader, {}, {})
        place.close()
        return place
    try:
        found = json.loads(path.read_text())
        version, whose = found["schema_version"], found["reader"]
        place = _Folder(folder, now, reader, dict(found["files"]), dict(found["columns"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{path} is not the manifest of an export. Name another folder with --out.") from error
    if version != SCHEMA_VERSION or whose != reader:
        raise ExportError(
            f"{folder} holds {_whose(whose)} in schema version {version}, not {_whose(reader)} in version "
            f"{SCHEMA_VERSION}. Name another folder with --out."
        )
    return place


def _whose(reader: str | None) -> str:
    return "the log" if reader is None else f"reader {reader}"


def _settled_rows(path: Path, day: date) -> int | None:
    """Rows of a file that was written when its day could change no more; None if there is no such file."""
    if not path.exists():
        return None
    metadata = pq.read_metadata(path)
    exported_at = datetime.fromisoformat(metadata.metadata[_EXPORTED_AT].decode())
    return metadata.num_rows if exported_at >= _start(day) + _DAY + SETTLES_AFTER else None


def _days(session: dbapi.Connection, table: Table, since: date | None, last: date) -> Iterator[date]:
    """The days on which the table has rows, found one by one along its index."""
    day = since or date(1970, 1, 1)
    while day <= last:
        found = _oldest(session, table, day)
        if found is None or found > last:
            return
        yield found
        day = found + _DAY


_OLDEST_BY_ID: LiteralString = (
    "SELECT {key}::text AS found FROM {table} WHERE {key} >= {first_id} ORDER BY {key} LIMIT 1"
)
_OLDEST_BY_TIME: LiteralString = "SELECT {key} AS found FROM {table} WHERE {key} >= {start} ORDER BY {key} LIMIT 1"


def _oldest(session: dbapi.Connection, table: Table, day: date) -> date | None:
    query = sql.SQL(_OLDEST_BY_ID if table.by_id else _OLDEST_BY_TIME).format(
        table=sql.Identifier(table.source), key=sql.Identifier(table.key), **_values_of_day(day)
    )
    with closing(session.cursor()) as cursor:
        cursor.execute(query.as_string())
        row = cursor.fetchone()
    session.rollback()
    if row is None:
        return None
    moment: datetime = time_of_uuid7(uuid.UUID(row[0])) if table.by_id else row[0]
    return moment.astimezone(UTC).date()


def _values_of_day(day: date) -> dict[str, sql.Literal]:
    start = _start(day)
    return {
        "start": sql.Literal(start),
        "end": sql.Literal(start + _DAY),
        "first_id": sql.Literal(first_uuid7(start)),
        "end_id": sql.Literal(first_uuid7(start + _DAY)),
    }


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _write_table(session: dbapi.Connection, query: sql.Composed, name: str, place: _Folder) -> tuple[int, list[str]]:
    """Stream rows into a file beside `name`, then give it its name. Returns how many there were, and the columns."""
    path = place.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    rows = 0
    with closing(session.cursor(adbc_stmt_kwargs=_IN_SMALL_BATCHES)) as cursor:
        cursor.execute(query.as_string())
        batches = cursor.fetch_record_batch()
        schema = batches.schema.with_metadata({_EXPORTED_AT: place.now.isoformat()})
        with pq.ParquetWriter(unfinished, schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
    session.rollback()  # ends the snapshot: a long export must not keep the database from clearing up
    unfinished.replace(path)
    return rows, schema.names


def _replace(path: Path, text: str) -> None:
    """Write a whole file under a temporary name first, so that nobody ever finds half of it."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
