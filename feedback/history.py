"""What people rated elsewhere, taken in as interactions at their true times.

A rating of 4 or 5 becomes a like, of 3 a click, of 1 or 2 a dismissal. `happened_at` and `received_at` are the rating's
time, as if the site had been there; `imported_at` is the time of the import, from which retention counts.
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

from catalog.importers.ratings import Rating, RatingsFormat
from catalog.importers.records import BadRecord, ReadingMeter, Reason, Records, RowError, excerpt
from catalog.importers.rejects import RejectsFile
from feedback.buckets import reader_bucket
from feedback.kinds import Kind

KIND_OF_RATING = {5: Kind.LIKE, 4: Kind.LIKE, 3: Kind.CLICK, 2: Kind.DISMISS, 1: Kind.DISMISS}

EVENT_NAMESPACE = uuid.UUID("3f0d5e0c-0c3b-5d4e-9b1a-6f6a1c1f7a52")
"""Event ids are made of source, reader, item and time in the file, so a second import finds every rating there."""

T = TypeVar("T")

LINES_A_REPORT = 5_000
READERS_AT_ONCE = 5_000

_MAKE_TEMPORARY_TABLES = """
    DROP TABLE IF EXISTS import_rating, import_reader, import_reader_bucket;
    CREATE TEMPORARY TABLE import_rating (
        line bigint, reader text, item text, kind text, rated_at timestamptz, event_id uuid, rejected boolean
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE import_reader (external_id text, attributes jsonb) ON COMMIT DROP;
    CREATE TEMPORARY TABLE import_reader_bucket (
        external_id text, reader_id bigint, bucket smallint
    ) ON COMMIT DROP;
"""
_UNKNOWN_ITEMS = """
    UPDATE import_rating SET rejected = true
    WHERE NOT EXISTS (SELECT FROM catalog_item WHERE source = %s AND external_id = item)
"""
_RATED_TWICE = """
    UPDATE import_rating SET rejected = true
    FROM (
        SELECT line, row_number() OVER (PARTITION BY event_id ORDER BY line) AS place
        FROM import_rating WHERE NOT rejected
    ) AS told
    WHERE told.line = import_rating.line AND place > 1
"""
_REJECTED = """
    SELECT line, reader, item, rated_at FROM import_rating WHERE rejected ORDER BY line LIMIT %s
"""
# A reader who is new is known since the first thing they did.
_MAKE_READERS = """
    INSERT INTO catalog_reader (public_id, external_id, languages, country, attributes, created_at, personalised)
    SELECT gen_random_uuid(), external_id, '{}'::text[], '', coalesce(attributes, '{}'),
           coalesce(since + %(shift)s, %(now)s), true
    FROM (SELECT DISTINCT ON (external_id) external_id, attributes FROM import_reader ORDER BY external_id) AS named
    FULL JOIN (
        SELECT reader AS external_id, min(rated_at) AS since FROM import_rating WHERE NOT rejected GROUP BY reader
    ) AS rated USING (external_id)
    ORDER BY external_id
    ON CONFLICT (external_id) DO NOTHING
"""
_UPDATE_READERS = """
    UPDATE catalog_reader AS old SET attributes = old.attributes || new.attributes
    FROM import_reader AS new
    WHERE old.external_id = new.external_id AND NOT old.attributes @> new.attributes
"""
_NEXT_READERS = """
    SELECT external_id, id, public_id FROM catalog_reader
    WHERE external_id > %s AND external_id IN (SELECT reader FROM import_rating WHERE NOT rejected)
    ORDER BY external_id LIMIT %s
"""
# Ties keep the file's order. A later rating of the same film takes the earlier one's place from its time on.
_WRITE_INTERACTIONS = """
    INSERT INTO feedback_interaction (
        reader_id, reader_bucket, kind, item_id, happened_at, received_at, imported_at, undone_at, undo_received_at,
        event_id, surface
    )
    SELECT reader_id, bucket, kind, catalog_item.id, rated_at + %(shift)s, rated_at + %(shift)s, %(now)s,
           replaced_at + %(shift)s, replaced_at + %(shift)s, event_id, 'direct'
    FROM (
        SELECT *, lead(rated_at) OVER (PARTITION BY reader, item ORDER BY rated_at, line) AS replaced_at
        FROM import_rating WHERE NOT rejected
    ) AS rated
    JOIN import_reader_bucket ON import_reader_bucket.external_id = rated.reader
    JOIN catalog_item ON catalog_item.source = %(source)s AND catalog_item.external_id = rated.item
    ORDER BY rated_at, line
    ON CONFLICT DO NOTHING
"""


@dataclass
class HistorySummary:
    """ratings: good ones of the file; those of them that were new are `interactions`."""

    ratings: int = 0
    interactions: int = 0
    readers_made: int = 0
    readers_updated: int = 0
    rejected: int = 0
    rejects_path: Path | None = None
    moved_by: timedelta = timedelta(0)

    @property
    def already_there(self) -> int:
        return self.ratings - self.interactions


@dataclass(frozen=True)
class _Import:
    """What stays the same through one import."""

    path: Path
    ratings: RatingsFormat
    source: str
    now: datetime
    rejects: RejectsFile
    on_lines: Callable[[ReadingMeter], None]


def import_history(
    *,
    path: Path,
    ratings: RatingsFormat,
    source: str,
    now: datetime,
    rejects_path: Path,
    max_rejects: int,
    newest_at: datetime | None = None,
    on_lines: Callable[[ReadingMeter], None] = lambda meter: None,
) -> HistorySummary:
    """Turn the ratings at `path` into interactions with the items of `source`; running it again changes nothing.

    newest_at: where all times are moved, so that the newest rating is then; None leaves them.
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
        work = _Import(path, ratings, source, now, rejects, on_lines)
        _copy_readers(cursor, work)
        _copy_ratings(cursor, work)
        cursor.execute("ANALYZE import_rating, import_reader")
        _reject_unusable(cursor, work)
        summary = _write(cursor, work, newest_at)
        summary.rejected, summary.rejects_path = rejects.count, rejects.path if rejects.count else None
    return summary


def event_id(source: str, rating: Rating) -> uuid.UUID:
    """The same for the same rating in every import."""
    seconds = int(rating.rated_at.timestamp())
    return uuid.uuid5(EVENT_NAMESPACE, f"{source}/{rating.reader}/{rating.item}/{seconds}")


def external_id_of(source: str, key: str) -> str:
    """What a reader of a data set is called here: `movielens:42`."""
    return f"{source}:{key}"


def _copy_readers(cursor: Any, work: _Import) -> None:
    with cursor.copy("COPY import_reader (external_id, attributes) FROM STDIN") as copy:
        file = work.ratings.readers_file
        for _, reader in _good(work.ratings.read_readers(work.path, ReadingMeter()), work.ratings.reader, work, file):
            copy.write_row((external_id_of(work.source, reader.key), json.dumps(reader.attributes)))


def _copy_ratings(cursor: Any, work: _Import) -> None:
    meter = ReadingMeter()

    def rating_of(fields: Any) -> Rating:
        return work.ratings.rating(fields, now=work.now)

    records = work.ratings.read_ratings(work.path, meter)
    columns = "line, reader, item, kind, rated_at, event_id, rejected"
    with cursor.copy(f"COPY import_rating ({columns}) FROM STDIN") as copy:
        for place, (line, rating) in enumerate(_good(records, rating_of, work, work.ratings.ratings_file)):
            reader = external_id_of(work.source, rating.reader)
            kind = KIND_OF_RATING[rating.value].value
            copy.write_row((line, reader, rating.item, kind, rating.rated_at, event_id(work.source, rating), False))
            if place % LINES_A_REPORT == 0:
                work.on_lines(meter)
    work.on_lines(meter)


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
        (_RATED_TWICE, [], Reason.RATED_TWICE),
    ):
        cursor.execute(statement, values)
        if cursor.rowcount:
            _write_rejected(cursor, work, reason)
            cursor.execute("DELETE FROM import_rating WHERE rejected")


def _write_rejected(cursor: Any, work: _Import, reason: Reason) -> None:
    cursor.execute(_REJECTED, [work.rejects.max_rejects + 1])
    for line, reader, item, rated_at in cursor.fetchall():
        row = {"reader": reader, "item": item, "time": rated_at.isoformat()}
        error = RowError(reason, f"reader {reader}, item {item}")
        work.rejects.add(line, error, excerpt(json.dumps(row)), file=work.ratings.ratings_file)


def _write(cursor: Any, work: _Import, newest_at: datetime | None) -> HistorySummary:
    cursor.execute("SELECT count(*), max(rated_at) FROM import_rating")
    count, newest = cursor.fetchone()
    shift = newest_at - newest if newest_at and newest else timedelta(0)
    values = {"shift": shift, "now": work.now, "source": work.source}
    summary = HistorySummary(ratings=count, moved_by=shift)
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
