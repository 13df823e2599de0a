"""The formats by name: who reads a file, how its fields become ours, and what its items' source is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.importers import goodbooks, movielens, movielens_ratings, own_history
from catalog.importers.csv_files import read_csv
from catalog.importers.history_format import HistoryFormat
from catalog.importers.jsonl import read_jsonl
from catalog.importers.parquet import read_parquet
from catalog.importers.records import ReadingMeter, Records
from catalog.importers.rows import OWN_SOURCE, typed_fields


@dataclass(frozen=True)
class CatalogFormat:
    """read: path -> records.  fields: a record's fields -> those that rows.parse_row knows; may raise RowError.
    history: how to read what people did, for a data set that says when."""

    name: str
    source: str
    read: Callable[[Path, ReadingMeter], Records]
    fields: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    history: HistoryFormat | None = None


def _as_they_are(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return fields


_MOVIELENS_RATINGS = HistoryFormat(
    acts_file="u.data",
    readers_file="u.user",
    read_acts=movielens_ratings.read_ratings,
    read_readers=movielens_ratings.read_readers,
    act=movielens_ratings.act_of,
    reader=movielens_ratings.reader_of,
)
_OWN_HISTORY = HistoryFormat(
    acts_file=own_history.ACTS,
    readers_file=own_history.READERS,
    read_acts=own_history.read_acts,
    read_readers=own_history.read_readers,
    act=own_history.act_of,
    reader=own_history.reader_of,
)

FORMATS: dict[str, CatalogFormat] = {
    format.name: format
    for format in (
        CatalogFormat("movielens", "movielens", movielens.read_movielens, movielens.item_fields, _MOVIELENS_RATINGS),
        CatalogFormat("goodbooks", "goodbooks", goodbooks.read_goodbooks, goodbooks.item_fields),
        CatalogFormat("csv", OWN_SOURCE, read_csv, typed_fields, _OWN_HISTORY),
        CatalogFormat("jsonl", OWN_SOURCE, read_jsonl, _as_they_are, _OWN_HISTORY),
        CatalogFormat("parquet", OWN_SOURCE, read_parquet, _as_they_are, _OWN_HISTORY),
    )
}

ITEM_FILES = ("items.jsonl", "items.csv", "items.parquet", "items.jsonl.gz", "items.csv.gz")
_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


def items_file(path: Path) -> Path:
    """The file of items in a folder of our own shape (`items.jsonl` and so on); any other path as it is."""
    if path.is_dir() and format_of_path(path) is None:
        return next((path / name for name in ITEM_FILES if (path / name).is_file()), path)
    return path


def format_of_path(path: Path) -> CatalogFormat | None:
    """The format that a path's name gives away, or None."""
    if path.is_dir():
        names = [
            name for name, file in (("movielens", "u.item"), ("goodbooks", "books.csv")) if (path / file).is_file()
        ]
        return FORMATS[names[0]] if names else None
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    return FORMATS.get(_SUFFIXES.get(suffix.lower(), ""))
