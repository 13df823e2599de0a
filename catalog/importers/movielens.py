"""The films of MovieLens 100K: `u.item` (latin-1, parted by bars) and `u.genre`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog.importers.records import BadRecord, CatalogFileError, ReadingMeter, Reason, Record, Records, RowError
from catalog.importers.text_files import Line, read_lines

ENCODING = "latin-1"
COLUMNS_BEFORE_GENRES = ("movie id", "title", "release date", "video release date", "imdb url")
NO_GENRE = "unknown"

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RELEASE_DATE = re.compile(r"(\d{1,2})-([A-Z][a-z]{2})-(\d{4})")
_YEAR_IN_TITLE = re.compile(r"\((\d{4})\)")
# "Postino, Il (1994)", "City of Lost Children, The": library order, also inside brackets.
_ARTICLE_BEHIND = re.compile(r"(^|\()([^()]*?), (The|An|A|La|Les|Le|Il|Das|Der|L')(?= \(|\)|$)")


def folder_of(path: Path) -> Path:
    """The data set's folder, of which `path` may name the main file."""
    return path.parent if path.name == "u.item" else path


def read_movielens(path: Path, meter: ReadingMeter) -> Records:
    """Records of texts, and a list of genres. `path` is the folder or u.item itself. Raises CatalogFileError."""
    folder = folder_of(path)
    genres = _genres(folder / "u.genre")
    for line in read_lines(folder / "u.item", meter, encoding=ENCODING):
        if isinstance(line, BadRecord):
            yield line
        elif not line.text.isspace():
            yield _record(line, genres)


def item_fields(film: Mapping[str, Any]) -> dict[str, Any]:
    """A film as rows.parse_row wants it. Raises RowError for a release date that is none."""
    title = _ARTICLE_BEHIND.sub(_put_article_first, film["title"].strip())
    year = _YEAR_IN_TITLE.search(title)
    return {
        "external_id": film["movie id"],
        "title": title,
        "topics": [genre for genre in film["genres"] if genre != NO_GENRE],
        "language": "en",
        "published_at": _release_date(film["release date"].strip()),
        "link": film["imdb url"].strip().replace(" ", "%20"),
        "attributes": {"year": int(year[1])} if year else {},
    }


def _genres(path: Path) -> list[str]:
    """Genre names in the order of u.item's columns: `Action|1` is the second."""
    places: dict[int, str] = {}
    for line in read_lines(path, ReadingMeter(), encoding=ENCODING):
        if isinstance(line, BadRecord):
            raise CatalogFileError(f"{path}, line {line.line}: {line.error}.")
        name, bar, place = line.text.strip().partition("|")
        if bar and place.isascii() and place.isdigit():
            places[int(place)] = name
        elif name:
            raise CatalogFileError(f"{path}, line {line.number}: must be a genre, a bar and its number, like Action|1.")
    if sorted(places) != list(range(len(places))):
        raise CatalogFileError(f"{path}: the genres must be numbered from 0 without a gap, but are {sorted(places)}.")
    return [places[place] for place in range(len(places))]


def _record(line: Line, genres: list[str]) -> Record | BadRecord:
    values = line.text.rstrip("\r\n").split("|")
    expected = len(COLUMNS_BEFORE_GENRES) + len(genres)
    if len(values) != expected:
        error = RowError(Reason.WRONG_COLUMN_COUNT, f"{len(values)} instead of {expected}")
        return BadRecord(line.number, error, line.text)
    fields: dict[str, Any] = dict(zip(COLUMNS_BEFORE_GENRES, values, strict=False))
    flags = values[len(COLUMNS_BEFORE_GENRES) :]
    fields["genres"] = [genre for genre, flag in zip(genres, flags, strict=True) if flag == "1"]
    return Record(line.number, fields, line.text)


def _put_article_first(match: re.Match[str]) -> str:
    before, name, article = match.groups()
    return f"{before}{article}{'' if article.endswith(chr(39)) else ' '}{name}"


def _release_date(text: str) -> str | None:
    """`01-Jan-1995` -> `1995-01-01`; a few films have none."""
    if not text:
        return None
    match = _RELEASE_DATE.fullmatch(text)
    if not match or match[2] not in _MONTHS:
        raise RowError(Reason.BAD_DATE, f"release date {text!r}; it must look like 01-Jan-1995")
    return f"{match[3]}-{_MONTHS.index(match[2]) + 1:02}-{int(match[1]):02}"
