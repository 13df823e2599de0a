"""PUT /items: what an import does with a file, done with a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from django.db import DataError, IntegrityError, transaction

from catalog.importers.records import Reason, RowError
from catalog.importers.rows import OWN_SOURCE, CatalogRow, parse_row
from catalog.importers.upsert import CatalogWriter, NumberedRow, WrittenBatch
from recsite.api.record_results import RecordResult, refused, repeated

SOURCE = OWN_SOURCE
"""As of files in our own formats: what a file brought in first, a server can go on to change."""


def put_items(records: Sequence[object], *, now: datetime) -> list[RecordResult]:
    """Make or change items by their external id; a result each, in order.

    Of records with one external id the first acceptable one counts.
    """
    results: dict[int, RecordResult] = {}
    rows: list[NumberedRow] = []
    for number, record in enumerate(records):
        try:
            rows.append(NumberedRow(number, _row(record, now)))
        except RowError as error:
            results[number] = refused(record, error)
    if rows:
        with CatalogWriter(source=SOURCE, now=now) as writer, transaction.atomic():
            results |= dict(_write(writer, rows, records))
    return [results[number] for number in range(len(records))]


def _row(record: object, now: datetime) -> CatalogRow:
    if not isinstance(record, Mapping):
        raise RowError(Reason.NOT_AN_OBJECT, type(record).__name__)
    try:
        return parse_row(record, now=now, keep_missing=True)
    except RecursionError as error:
        raise RowError(Reason.BAD_ATTRIBUTES, "nested too deep") from error


def _write(
    writer: CatalogWriter, rows: Sequence[NumberedRow], records: Sequence[object]
) -> Iterator[tuple[int, RecordResult]]:
    """Write rows; if the database refuses, halve them until the refused row stands alone."""
    try:
        with transaction.atomic():
            written = writer.write(rows)
    except (DataError, IntegrityError) as problem:
        if len(rows) == 1:
            error = RowError(Reason.REFUSED_BY_DATABASE, str(problem).partition("\n")[0])
            yield rows[0].line, refused(records[rows[0].line], error)
            return
        middle = len(rows) // 2
        yield from _write(writer, rows[:middle], records)
        yield from _write(writer, rows[middle:], records)
        return
    for numbered in rows:
        yield numbered.line, _result(numbered, written, records[numbered.line])


def _result(numbered: NumberedRow, written: WrittenBatch, record: object) -> RecordResult:
    first = written.repeated.get(numbered.line)
    if first is not None:
        return refused(record, repeated(first))
    external_id = numbered.row.external_id
    if external_id in written.created_ids:
        return RecordResult(external_id, "created")
    return RecordResult(external_id, "updated" if external_id in written.updated_ids else "unchanged")
