"""The ratings and the readers of MovieLens 100K: `u.data` (parted by tabs) and `u.user` (parted by bars)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from catalog.importers.history_format import PastAct, PastReader, kind_of_rating
from catalog.importers.movielens import ENCODING, folder_of
from catalog.importers.records import BadRecord, ReadingMeter, Reason, Record, Records, RowError
from catalog.importers.text_files import read_lines

RATING_COLUMNS = ("reader", "item", "rating", "time")
READER_COLUMNS = ("reader", "age", "gender", "occupation", "zip code")
LOWEST, HIGHEST = 1, 5

# The bands of MovieLens 1M. A band is all that a recommender needs; an exact age helps to find a person.
_AGE_BANDS = ((56, "56+"), (50, "50-55"), (45, "45-49"), (35, "35-44"), (25, "25-34"), (18, "18-24"), (0, "under 18"))
_OLDEST = 120


def read_ratings(path: Path, meter: ReadingMeter) -> Records:
    """Records of texts in the file's order. `path` is the folder, or a file in it. Raises CatalogFileError."""
    return _read_table(folder_of(path) / "u.data", meter, "\t", RATING_COLUMNS)


def read_readers(path: Path, meter: ReadingMeter) -> Records:
    """The same for the people who rated."""
    return _read_table(folder_of(path) / "u.user", meter, "|", READER_COLUMNS)


def act_of(fields: Mapping[str, str], *, now: datetime) -> PastAct:
    """Raises RowError for a rating outside 1 to 5, or a time that is none or lies ahead."""
    value = _whole_number("rating", fields["rating"])
    if not LOWEST <= value <= HIGHEST:
        raise RowError(Reason.BAD_RATING, f"{value}; {LOWEST} to {HIGHEST} are possible")
    rated_at = _moment(fields["time"])
    if rated_at > now:
        raise RowError(Reason.BAD_DATE, f"rated at {rated_at:%Y-%m-%d %H:%M}, which lies ahead")
    reader, item = _key("reader", fields["reader"]), _key("item", fields["item"])
    return PastAct(reader, item, kind_of_rating(value), rated_at, rated=True)


def reader_of(fields: Mapping[str, str]) -> PastReader:
    """What the site may know of a reader: never the zip code. Raises RowError for an age that is none."""
    age = _whole_number("age", fields["age"])
    if age > _OLDEST:
        raise RowError(Reason.WRONG_TYPE, f"age is {age}, {_OLDEST} is the most")
    band = next(name for youngest, name in _AGE_BANDS if age >= youngest)
    attributes = {"age_band": band, "gender": fields["gender"].strip(), "occupation": fields["occupation"].strip()}
    told = {name: value for name, value in attributes.items() if value}
    return PastReader(_key("reader", fields["reader"]), json.dumps(told))


def _read_table(path: Path, meter: ReadingMeter, separator: str, columns: tuple[str, ...]) -> Iterator[Any]:
    for line in read_lines(path, meter, encoding=ENCODING):
        if isinstance(line, BadRecord):
            yield line
            continue
        if line.text.isspace():
            continue
        values = line.text.rstrip("\r\n").split(separator)
        if len(values) == len(columns):
            yield Record(line.number, dict(zip(columns, values, strict=True)), line.text)
        else:
            error = RowError(Reason.WRONG_COLUMN_COUNT, f"{len(values)} instead of {len(columns)}")
            yield BadRecord(line.number, error, line.text)


def _key(name: str, text: str) -> str:
    """An id as the file has it: MovieLens counts from 1."""
    return str(_whole_number(name, text))


def _whole_number(name: str, text: str) -> int:
    text = text.strip()
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise RowError(Reason.WRONG_TYPE, f"{name} is {text[:80]!r}, not a whole number")
    return int(text)


def _moment(text: str) -> datetime:
    seconds = _whole_number("time", text)
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise RowError(Reason.BAD_DATE, f"time {text.strip()[:80]!r}; seconds since 1970 are wanted") from error
