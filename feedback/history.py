"""What people did elsewhere, taken in as interactions at their true times.

`happened_at` and `received_at` are the time it is told to have happened, as if the site had been there; `imported_at`
is the time of the import, from which retention counts.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from django.db import connection, transaction

from catalog.importers.history_format import HistoryFormat, PastAct
from catalog.importers.records import BadRecord, ReadingMeter, Reason, Records, RowError, excerpt
from catalog.importers.rejects import RejectsFile
from catalog.importers.rows import OWN_SOURCE
from feedback.buckets import reader_bucket
from feedback.kinds import STANDING

EVENT_NAMESPACE = uuid.UUID("3f0d5e0c-0c3b-5d4e-9b1a-6f6a1c1f7a52")
"""Event ids are made of source, reader, item, kind and time in the file, so a second import finds all of it there."""

T = TypeVar("T")

LINES_A_REPORT = 5_000
READERS_AT_ONCE = 5_000

_MAKE_TEMPORARY_TABLES = """
    DROP TABLE IF EXISTS import_act, import_reader, import_reader_bucket;
    CREATE TEMPORARY TABLE import_act (
        line bigint, reader text, item text, kind text, replaces text, happened_at timestamptz, event_id uuid,
        rejected boolean
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE import_reader (
        place bigint, external_id text, attributes jsonb, languages varchar[], country text
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE import_reader_bucket (
        external_id text, reader_id bigint, bucket smallint
    ) ON COMMIT DROP;
"""
_UNKNOWN_ITEMS = """
    UPDATE import_act SET rejected = true
    WHERE NOT EXISTS (SELECT FROM catalog_item WHERE source = %s AND external_id = item)
"""
_TOLD_TWICE = """
    UPDATE import_act SET rejected = true
    FROM (
        SELECT line, row_number() OVER (PARTITION BY event_id ORDER BY line) AS place
        FROM import_act WHERE NOT rejected
    ) AS told
    WHERE told.line = import_act.line AND place > 1
"""
_REJECTED = """
    SELECT line, reader, item, happened_at FROM import_act WHERE rejected ORDER BY line LIMIT %s
"""
_FIRST_OF_A_READER_COUNTS = """
    DELETE FROM import_reader AS later USING import_reader AS first
    WHERE later.external_id = first.external_id AND later.place > first.place
"""
# A reader who is new is known since the first thing they did.
_MAKE_READERS = """
    INSERT INTO catalog_reader (public_id, external_id, languages, country, attributes, created_at, personalised)
    SELECT gen_random_uuid(), external_id, coalesce(languages, '{}'), coalesce(country, ''), coalesce(attributes, '{}'),
           coalesce(since + %(shift)s, %(now)s), true
    FROM import_reader
    FULL JOIN (
        SELECT reader AS external_id, min(happened_at) AS since FROM import_act WHERE NOT rejected GROUP BY reader
    ) AS active USING (external_id)
    ORDER BY external_id
    ON CONFLICT (external_id) DO NOTHING
"""
_UPDATE_READERS = """
    UPDATE catalog_reader AS old
    SET attributes = old.attributes || new.attributes,
        languages = coalesce(new.languages, old.languages),
        country = coalesce(new.country, old.country)
    FROM import_reader AS new
    WHERE old.external_id = new.external_id AND (
        NOT old.attributes @> new.attributes OR old.languages <> new.languages OR old.country <> new.country
    )
"""
_NEXT_READERS = """
    SELECT external_id, id, public_id FROM catalog_reader
    WHERE external_id > %s AND external_id IN (SELECT reader FROM import_act WHERE NOT rejected)
    ORDER BY external_id LIMIT %s
"""
# Ties keep the file's order. What a later act replaces ends at its time.
_WRITE_INTERACTIONS = """
    INSERT INTO feedback_interaction (
        reader_id, reader_bucket, kind, item_id, happened_at, received_at, imported_at, undone_at, undo_received_at,
        event_id, surface
    )
    SELECT reader_id, bucket, kind, catalog_item.id, happened_at + %(shift)s, happened_at + %(shift)s, %(now)s,
           replaced_at + %(shift)s, replaced_at + %(shift)s, event_id, 'direct'
    FROM (
        SELECT *, CASE WHEN replaces IS NOT NULL THEN
            lead(happened_at) OVER (PARTITION BY reader, item, replaces ORDER BY happened_at, line) END AS replaced_at
        FROM import_act WHERE NOT rejected
    ) AS act
    JOIN import_reader_bucket ON import_reader_bucket.external_id = act.reader
    JOIN catalog_item ON catalog_item.source = %(source)s AND catalog_item.external_id = act.item
    ORDER BY happened_at, line
    ON CONFLICT DO NOTHING
"""


@dataclass
class HistorySummary:
    """told: good rows of the file; those of them that were new are `interactions`."""

    told: int = 0
    interactions: int = 0
    readers_made: int = 0
    readers_updated: int = 0
    rejected: int = 0
    rejects_path: Path | None = None
    moved_by: timedelta = timedelta(0)

    @property
    def already_there(self) -> int:
        return self.told - self.interactions


@dataclass(frozen=True)
class _Import:
    """What stays the same through one import."""

    path: Path
    history: HistoryFormat
    source: str
    now: datetime
    rejects: RejectsFile
    on_lines: Callable[[ReadingMeter], None]


def import_history(
    *,
    path: Path,
    history: HistoryFormat,
    source: str,
    now: datetime,
    rejects_path: Path,
    max_rejects: int,
    newest_at: datetime | None = None,
    on_lines: Callable[[ReadingMeter], None] = lambda meter: None,
) -> HistorySummary:
    """Turn the history at `path` into interactions with the items of `source`; running it again changes nothing.

    newest_at: all times are moved on together, so that the newest is then; None leaves them, and so does a newest that
    is later already.
    One transaction: an import that was stopped leaves nothing. Bad rows go to `rejects_path`, with their file and line.
    Raises CatalogFileError if a file as a whole is bad, TooManyRejects (a CatalogFileError) past `max_rejects`.
    """
    with (
        RejectsFile(rejects_path, max_rejects=max_rejects) as rejects,
        transaction.atomic(),
        connection.cursor() as cursor,
        connection.wrap_database_errors,
    ):
        cursor.execute(_MAKE_TEMPORARY_TABLES)
        work = _Import(path, history, source, now, rejects, on_lines)
        _copy_readers(cursor, work)
        _copy_acts(cursor, work)
        cursor.execute("ANALYZE import_act, import_reader")
        _reject_unusable(cursor, work)
        summary = _write(cursor, work, newest_at)
        summary.rejected, summary.rejects_path = rejects.count, rejects.path if rejects.count else None
    return summary


def event_id(source: str, act: PastAct) -> uuid.UUID:
    """The same for the same act in every import. Ratings go without their kind: two within a second are one."""
    kind = "" if act.rated else f"/{act.kind}"
    return uuid.uuid5(EVENT_NAMESPACE, f"{source}/{act.reader}/{act.item}/{int(act.happened_at.timestamp())}{kind}")


def reader_name(source: str, key: str) -> str:
    """What a reader of a data set is called here: `movielens:42`. Those of a file of one's own are called as there, so
    that a server may speak of them by the same name."""
    return key if source == OWN_SOURCE else f"{source}:{key}"


def _copy_readers(cursor: Any, work: _Import) -> None:
    columns = "place, external_id, attributes, languages, country"
    file = work.history.readers_file
    records = work.history.read_readers(work.path, ReadingMeter())
    with cursor.copy(f"COPY import_reader ({columns}) FROM STDIN") as copy:
        for place, reader in _good(records, work.history.reader, work, file):
            languages = None if reader.languages is None else list(reader.languages)
            name = reader_name(work.source, reader.key)
            copy.write_row((place, name, reader.attributes_json, languages, reader.country))
    cursor.execute(_FIRST_OF_A_READER_COUNTS)


def _copy_acts(cursor: Any, work: _Import) -> None:
    meter = ReadingMeter()

    def act_of(fields: Any) -> PastAct:
        return work.history.act(fields, now=work.now)

    records = work.history.read_acts(work.path, meter)
    columns = "line, reader, item, kind, replaces, happened_at, event_id, rejected"
    with cursor.copy(f"COPY import_act ({columns}) FROM STDIN") as copy:
        for place, (line, act) in enumerate(_good(records, act_of, work, work.history.acts_file)):
            reader, made_id = reader_name(work.source, act.reader), event_id(work.source, act)
            copy.write_row((line, reader, act.item, act.kind, _replaces(act), act.happened_at, made_id, False))
            if place % LINES_A_REPORT == 0:
                work.on_lines(meter)
    work.on_lines(meter)


def _replaces(act: PastAct) -> str | None:
    """What of the same reader and item this takes the place of: any earlier rating, or the same state."""
    if act.rated:
        return "rating"
    return act.kind if act.kind in STANDING else None


def _good(records: Records, parse: Callable[[Any], T], work: _Import, file: str) -> Iterator[tuple[int, T]]:
    """Line and meaning of every row that has one; the others are rejected."""
    for record in records:
        if isinstance(record, BadRecord):
            work.rejects.add(record.line, record.error, record.excerpt(), file=file)
            continue
        try:
            meaning = parse(record.fields)
        except RowError as error:
            work.rejects.add(record.line, error, record.excerpt(), file=file)
            continue
        yield record.line, meaning


def _reject_unusable(cursor: Any, work: _Import) -> None:
    """Reject what only the database can tell: items that are not there, and what the file says twice."""
    for statement, values, reason in (
        (_UNKNOWN_ITEMS, [work.source], Reason.UNKNOWN_ITEM),
        (_TOLD_TWICE, [], Reason.TOLD_TWICE),
    ):
        cursor.execute(statement, values)
        if cursor.rowcount:
            _write_rejected(cursor, work, reason)
            cursor.execute("DELETE FROM import_act WHERE rejected")


def _write_rejected(cursor: Any, work: _Import, reason: Reason) -> None:
    cursor.execute(_REJECTED, [work.rejects.max_rejects + 1])
    for line, reader, item, happened_at in cursor.fetchall():
        row = {"reader": reader, "item": item, "time": happened_at.isoformat()}
        error = RowError(reason, f"reader {reader}, item {item}")
        work.rejects.add(line, error, excerpt(json.dumps(row)), file=work.history.acts_file)


def _write(cursor: Any, work: _Import, newest_at: datetime | None) -> HistorySummary:
    cursor.execute("SELECT count(*), max(happened_at) FROM import_act")
    count, newest = cursor.fetchone()
    shift = max(newest_at - newest, timedelta(0)) if newest_at and newest else timedelta(0)
    values = {"shift": shift, "now": work.now, "source": work.source}
    summary = HistorySummary(told=count, moved_by=shift)
    cursor.execute(_MAKE_READERS, values)
    summary.readers_made = cursor.rowcount
    cursor.execute(_UPDATE_READERS)
    summary.readers_updated = cursor.rowcount
    _copy_buckets(cursor)
    cursor.execute(_WRITE_INTERACTIONS, values)
    summary.interactions = cursor.rowcount
    return summary


def _copy_buckets(cursor: Any) -> None:
    """Buckets are computed here and nowhere else, so the readers' ids pass through, some at a time."""
    last = ""
    while True:
        cursor.execute(_NEXT_READERS, [last, READERS_AT_ONCE])
        readers = cursor.fetchall()
        if not readers:
            break
        with cursor.copy("COPY import_reader_bucket FROM STDIN") as copy:
            for external_id, reader_id, public_id in readers:
                copy.write_row((external_id, reader_id, reader_bucket(public_id)))
        last = readers[-1][0]
    cursor.execute("ANALYZE import_reader_bucket")
