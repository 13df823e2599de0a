"""Parquet with the columns that are wanted; others are not even read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.importers.records import BadRecord, CatalogFileError, ReadingMeter, Reason, Record, Records, RowError
from catalog.importers.rows import FIELDS, REQUIRED_FIELDS
from catalog.importers.text_files import check_is_file

ROWS_AT_ONCE = 250
READ_BUFFER_BYTES = 1 << 20


def read_parquet(path: Path, meter: ReadingMeter) -> Records:
    """One record an item, `line` being its row's number. Raises CatalogFileError if the file is broken or lacks a
    column."""
    return read_parquet_columns(path, meter, FIELDS, REQUIRED_FIELDS)


def read_parquet_columns(path: Path, meter: ReadingMeter, wanted: Sequence[str], required: Sequence[str]) -> Records:
    """The same for a file with other columns, of which it must have those `required`."""
    check_is_file(path)
    try:
        # A buffer and no pre-buffering: otherwise a whole row group, often the whole file, is held in memory.
        with pq.ParquetFile(path, buffer_size=READ_BUFFER_BYTES, pre_buffer=False) as file:
            columns = _columns(path, file.schema_arrow.names, wanted, required)
            meter.total = file.metadata.num_rows
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=columns):
                for number, fields in enumerate(_rows_of(batch), start=meter.done + 1):
                    yield _record(number, fields)
                meter.done += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise CatalogFileError(
            f"{path}: is no readable Parquet file beyond row {meter.done}: {error}. Write or fetch it again."
        ) from error


def _columns(path: Path, names: list[str], wanted: Sequence[str], required: Sequence[str]) -> list[str]:
    missing = [name for name in required if name not in names]
    if missing:
        raise CatalogFileError(
            f"{path}: no column {', '.join(missing)}; it has {', '.join(names) or 'none at all'}. Rename its columns."
        )
    return [name for name in wanted if name in names]


def _rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | RowError]:
    batch = _without_nanoseconds(batch)
    try:
        yield from batch.to_pylist(maps_as_pydicts="lossy")
    except (ValueError, OverflowError):
        # One value that Python cannot hold (broken UTF-8, a year beyond 9999) fails them all, so look row by row.
        yield from (_row_of(batch.slice(index, 1)) for index in range(batch.num_rows))


def _row_of(row: pa.RecordBatch) -> dict[str, Any] | RowError:
    try:
        fields: dict[str, Any] = row.to_pylist(maps_as_pydicts="lossy")[0]
    except (ValueError, OverflowError) as problem:
        return RowError(Reason.UNREADABLE_VALUE, str(problem))
    return fields


def _without_nanoseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Timestamps at the microsecond, the finest that Python's datetime and PostgreSQL hold."""
    for index, column in enumerate(batch.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            finer = batch.column(index).cast(pa.timestamp("us", column.type.tz), safe=False)
            batch = batch.set_column(index, column.name, finer)
    return batch


def _record(number: int, fields: dict[str, Any] | RowError) -> Record | BadRecord:
    return BadRecord(number, fields, "") if isinstance(fields, RowError) else Record(number, fields)
