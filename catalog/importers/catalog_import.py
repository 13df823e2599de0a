"""From a file to the database, one transaction a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.db import DataError, IntegrityError, transaction

from catalog.importers.formats import CatalogFormat
from catalog.importers.read_ahead import read_ahead
from catalog.importers.records import BadRecord, ReadingMeter, Reason, Record, RowError
from catalog.importers.rejects import RejectsFile
from catalog.importers.rows import CatalogRow, parse_row
from catalog.importers.upsert import CatalogWriter, NumberedRow, WrittenBatch

DEFAULT_MAX_REJECTS = 100
DEFAULT_BATCH_ROWS = 5_000
MAX_BATCH_CHARS = 8_000_000
"""A batch ends here too, so that long bodies do not fill the memory."""


@dataclass
class ImportSummary:
    """What an import has done so far. Whatever it counts is committed."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    batches: int = 0
    rejects_path: Path | None = None

    @property
    def rows_read(self) -> int:
        return self.created + self.updated + self.unchanged + self.rejected


@dataclass(frozen=True, slots=True)
class _Rejected:
    line: int
    error: RowError
    excerpt: str


@dataclass
class _Batch:
    """Rows of the file that are handled together, the bad ones among them too."""

    rows: list[NumberedRow] = field(default_factory=list)
    excerpts: dict[int, Callable[[], str]] = field(default_factory=dict)
    rejected: list[_Rejected] = field(default_factory=list)
    chars: int = 0

    def add(self, record: Record, row: CatalogRow) -> None:
        self.rows.append(NumberedRow(record.line, row))
        self.excerpts[record.line] = record.excerpt
        self.chars += len(row.title) + len(row.summary) + len(row.body) + len(row.attributes_json)

    def reject(self, record: Record | BadRecord, error: RowError) -> None:
        self.rejected.append(_Rejected(record.line, error, record.excerpt()))

    def is_full(self, batch_rows: int) -> bool:
        return len(self.rows) + len(self.rejected) >= batch_rows or self.chars >= MAX_BATCH_CHARS


def import_catalog(
    *,
    path: Path,
    format: CatalogFormat,
    source: str,
    now: datetime,
    rejects_path: Path,
    max_rejects: int = DEFAULT_MAX_REJECTS,
    batch_rows: int = DEFAULT_BATCH_ROWS,
    on_batch: Callable[[ImportSummary, ReadingMeter], None] = lambda summary, meter: None,
) -> ImportSummary:
    """Upsert a catalogue file by (source, external_id); running it again changes nothing.

    Each batch is one transaction: stopped in whatever way, an import leaves whole batches, and the next run completes
    it. Bad rows go to `rejects_path`.
    Raises CatalogFileError if the file as a whole is bad, TooManyRejects (a CatalogFileError) past `max_rejects`.
    """
    meter = ReadingMeter()
    summary = ImportSummary()
    with RejectsFile(rejects_path, max_rejects=max_rejects) as rejects, CatalogWriter(source=source, now=now) as writer:
        for batch in read_ahead(_batches(path, format, meter, now, batch_rows)):
            for bad in batch.rejected:
                rejects.add(bad.line, bad.error, bad.excerpt)
            with transaction.atomic():
                results = list(_write(writer, batch, batch.rows, rejects))
            _count(summary, results, rejects)
            on_batch(summary, meter)
    return summary


def _batches(
    path: Path, format: CatalogFormat, meter: ReadingMeter, now: datetime, batch_rows: int
) -> Iterator[_Batch]:
    batch = _Batch()
    for record in format.read(path, meter):
        if isinstance(record, BadRecord):
            batch.reject(record, record.error)
        else:
            try:
                batch.add(record, parse_row(format.fields(record.fields), now=now))
            except RowError as error:
                batch.reject(record, error)
        if batch.is_full(batch_rows):
            yield batch
            batch = _Batch()
    if batch.rows or batch.rejected:
        yield batch


def _write(
    writer: CatalogWriter, batch: _Batch, rows: list[NumberedRow], rejects: RejectsFile
) -> Iterator[WrittenBatch]:
    """Write rows of a batch; if the database refuses, halve them until the refused row stands alone to be rejected."""
    if not rows:
        return
    try:
        with transaction.atomic():
            result = writer.write(rows)
    except (DataError, IntegrityError) as problem:
        if len(rows) == 1:
            error = RowError(Reason.REFUSED_BY_DATABASE, str(problem).partition("\n")[0])
            rejects.add(rows[0].line, error, batch.excerpts[rows[0].line]())
            return
        yield from _write(writer, batch, rows[: len(rows) // 2], rejects)
        yield from _write(writer, batch, rows[len(rows) // 2 :], rejects)
        return
    for line, first_line in result.repeated.items():
        rejects.add(line, RowError(Reason.REPEATED, f"first on line {first_line}"), batch.excerpts[line]())
    yield result


def _count(summary: ImportSummary, results: list[WrittenBatch], rejects: RejectsFile) -> None:
    summary.created += sum(result.created for result in results)
    summary.updated += sum(result.updated for result in results)
    summary.unchanged += sum(result.unchanged for result in results)
    summary.rejected = rejects.count
    summary.rejects_path = rejects.path if rejects.count else None
    summary.batches += 1
