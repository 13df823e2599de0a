from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.importers.parquet import ROWS_AT_ONCE, read_parquet
from catalog.importers.records import BadRecord, CatalogFileError, ReadingMeter, Reason, Record


def parquet(tmp_path: Path, **columns: Any) -> Path:
    path = tmp_path / "items.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def records_of(path: Path) -> list[Record | BadRecord]:
    return list(read_parquet(path, ReadingMeter()))


def fields_of(path: Path) -> list[Any]:
    return [record.fields for record in records_of(path) if isinstance(record, Record)]


def test_rows_are_numbered_from_one_across_batches(tmp_path: Path) -> None:
    count = ROWS_AT_ONCE + 1
    path = parquet(tmp_path, external_id=[str(n) for n in range(count)], title=["Bread"] * count)
    assert [record.line for record in records_of(path)] == list(range(1, count + 1))


def test_columns_that_mean_nothing_to_us_are_not_read(tmp_path: Path) -> None:
    path = parquet(tmp_path, external_id=["1"], title=["Bread"], embedding=[[0.5] * 100])
    assert fields_of(path) == [{"external_id": "1", "title": "Bread"}]


def test_lists_structures_maps_and_dates_arrive_as_pythons_own(tmp_path: Path) -> None:
    moment = datetime(2024, 5, 31, 12, tzinfo=UTC)
    path = parquet(
        tmp_path,
        external_id=[7],
        title=["Bread"],
        topics=[["Space", "Sea"]],
        attributes=pa.array([[("x", 1)]], pa.map_(pa.string(), pa.int64())),
        published_at=pa.array([moment], pa.timestamp("ns", "UTC")),
    )
    (fields,) = fields_of(path)
    assert (fields["external_id"], fields["topics"], fields["attributes"]) == (7, ["Space", "Sea"], {"x": 1})
    assert fields["published_at"] == moment
    (fields,) = fields_of(parquet(tmp_path, external_id=["1"], title=["A"], published_at=[date(2024, 5, 31)]))
    assert fields["published_at"] == date(2024, 5, 31)


def test_a_value_that_cannot_be_read_harms_no_other_row(tmp_path: Path) -> None:
    titles = pa.Array.from_buffers(
        pa.string(), 3, [None, pa.py_buffer(b"\0\0\0\0\5\0\0\0\t\0\0\0\r\0\0\0"), pa.py_buffer(b"Breadcaf\xe9Wine")]
    )
    first, bad, last = records_of(parquet(tmp_path, external_id=["1", "2", "3"], title=titles))
    assert isinstance(bad, BadRecord)
    assert (bad.line, bad.error.reason) == (2, Reason.UNREADABLE_VALUE)
    assert isinstance(first, Record)
    assert isinstance(last, Record)
    assert (first.fields["title"], last.fields["title"]) == ("Bread", "Wine")


def test_a_year_beyond_pythons_calendar_harms_no_other_row(tmp_path: Path) -> None:
    moments = pa.array([0, 10**17 * 9], pa.timestamp("us", "UTC"))
    records = records_of(parquet(tmp_path, external_id=["1", "2"], title=["Bread", "Wine"], published_at=moments))
    assert [type(record) for record in records] == [Record, BadRecord]


def test_missing_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogFileError, match="no column title; it has external_id, name"):
        records_of(parquet(tmp_path, external_id=["1"], name=["Bread"]))


def test_a_file_without_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogFileError, match="it has none at all"):
        records_of(parquet(tmp_path))


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    path.write_bytes(b"external_id,title\n1,Bread\n" * 10)
    with pytest.raises(CatalogFileError, match="no readable Parquet file"):
        records_of(path)


def test_a_damaged_file_is_refused_at_the_damage(tmp_path: Path) -> None:
    path = parquet(tmp_path, external_id=[str(n) for n in range(5_000)], title=[f"Bread {n}" for n in range(5_000)])
    content = bytearray(path.read_bytes())
    content[200:4_000] = b"\xff" * 3_800
    path.write_bytes(content)
    with pytest.raises(CatalogFileError, match="no readable Parquet file beyond row"):
        records_of(path)
