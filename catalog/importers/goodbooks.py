"""The books of goodbooks-10k: `books.csv`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog.importers.csv_files import read_csv_columns
from catalog.importers.records import ReadingMeter, Reason, Records, RowError
from catalog.importers.rows import EARLIEST_YEAR

REQUIRED_COLUMNS = (
    "book_id",
    "goodreads_book_id",
    "authors",
    "original_publication_year",
    "original_title",
    "title",
    "language_code",
    "average_rating",
    "ratings_count",
)


def read_goodbooks(path: Path, meter: ReadingMeter) -> Records:
    """Records of texts. `path` is the folder or books.csv itself. Raises CatalogFileError."""
    return read_csv_columns(path / "books.csv" if path.is_dir() else path, meter, REQUIRED_COLUMNS)


def item_fields(book: Mapping[str, str]) -> dict[str, Any]:
    """A book as rows.parse_row wants it. Raises RowError for a number that is none.

    Left out: the cover links, which no longer answer, and both ISBNs, which the file has as damaged numbers.
    """
    authors = [name for part in book["authors"].split(",") if (name := part.strip())]
    year = _whole_number(book, "original_publication_year")
    attributes = {
        "authors": authors,
        "year": year,
        "original_title": book["original_title"].strip() or None,
        "average_rating": _number(book, "average_rating"),
        "ratings_count": _whole_number(book, "ratings_count"),
    }
    goodreads_id = book["goodreads_book_id"].strip()
    return {
        "external_id": book["book_id"],
        "title": book["title"],
        "author": authors[0] if authors else None,
        # Without the region: a reader of English wants en-US and en-GB alike.
        "language": book["language_code"].partition("-")[0],
        "published_at": None if year is None else _first_of_january(year),
        "link": f"https://www.goodreads.com/book/show/{goodreads_id}" if goodreads_id else None,
        "attributes": {name: value for name, value in attributes.items() if value is not None},
    }


def _first_of_january(year: int) -> str:
    """Of the earliest year that an item can have, for what Homer wrote; the true one is in the attributes."""
    return f"{max(year, EARLIEST_YEAR):04}-01-01"


def _number(book: Mapping[str, str], name: str) -> float | None:
    text = book[name].strip()
    try:
        return float(text) if text else None
    except ValueError as error:
        raise RowError(Reason.WRONG_TYPE, f"{name} is {text!r}, not a number") from error


def _whole_number(book: Mapping[str, str], name: str) -> int | None:
    """`2008.0` -> 2008."""
    number = _number(book, name)
    if number is None:
        return None
    if not number.is_integer():
        raise RowError(Reason.WRONG_TYPE, f"{name} is {book[name]!r}, not a whole number")
    return int(number)
