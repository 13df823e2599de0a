"""The formats by name: who reads a file, how its fields become ours, and what its items' source is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.importers import goodbooks, movielens
from catalog.importers.csv_files import read_csv
from catalog.importers.jsonl import read_jsonl
from catalog.importers.parquet import read_parquet
from catalog.importers.records import ReadingMeter, Records
from catalog.importers.rows import typed_fields

OWN_SOURCE = "site"


@dataclass(frozen=True)
class CatalogFormat:
    """read: path -> records.  fields: a record's fields -> those that rows.parse_row knows; may raise RowError."""

    name: str
    source: str
    read: Callable[[Path, ReadingMeter], Records]
    fields: Callable[[Mapping[str, Any]], Mapping[str, Any]]


def _as_they_are(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return fields


FORMATS: dict[str, CatalogFormat] = {
    format.name: format
    for format in (
        CatalogFormat("movielens", "movielens", movielens.read_movielens, movielens.item_fields),
        CatalogFormat("goodbooks", "goodbooks", goodbooks.read_goodbooks, goodbooks.item_fields),
        CatalogFormat("csv", OWN_SOURCE, read_csv, typed_fields),
        CatalogFormat("jsonl", OWN_SOURCE, read_jsonl, _as_they_are),
        CatalogFormat("parquet", OWN_SOURCE, read_parquet, _as_they_are),
    )
}

_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


def format_of_path(path: Path) -> CatalogFormat | None:
    """The format that a path's name gives away, or None."""
    if path.is_dir():
        names = [
            name for name, file in (("movielens", "u.item"), ("goodbooks", "books.csv")) if (path / file).is_file()
        ]
        return FORMATS[names[0]] if names else None
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    return FORMATS.get(_SUFFIXES.get(suffix.lower(), ""))
