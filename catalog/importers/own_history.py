"""A history in a shape of our own, beside the items: `interactions.(parquet|csv)` and, if there is one,
`readers.(jsonl|csv|parquet)`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from catalog.importers.csv_files import read_csv_columns
from catalog.importers.history_format import (
    HIGHEST_RATING,
    LOWEST_RATING,
    PAST_KINDS,
    PastAct,
    PastReader,
    kind_of_rating,
)
from catalog.importers.jsonl import read_jsonl
from catalog.importers.parquet import read_parquet_columns
from catalog.importers.reader_rows import parse_reader
from catalog.importers.records import CatalogFileError, ReadingMeter, Reason, Records, RowError
from catalog.importers.rows import external_id_of, json_of_text

ACTS = "interactions"
READERS = "readers"
_ACT_FILES = (f"{ACTS}.parquet", f"{ACTS}.csv", f"{ACTS}.csv.gz")
_READER_FILES = (f"{READERS}.jsonl", f"{READERS}.csv", f"{READERS}.parquet", f"{READERS}.jsonl.gz", f"{READERS}.csv.gz")

REQUIRED_ACT_FIELDS = ("reader", "item", "time")
ACT_FIELDS = (*REQUIRED_ACT_FIELDS, "kind", "rating")
REQUIRED_READER_FIELDS = ("external_id",)
READER_FIELDS = ("external_id", "languages", "country", "attributes")

_NUMBER = re.compile(r"-?\d+(\.\d*)?")


def has_history(path: Path) -> bool:
    """Whether interactions lie beside the items at `path`."""
    return any((_folder(path) / name).is_file() for name in _ACT_FILES)


def read_acts(path: Path, meter: ReadingMeter) -> Records:
    """Records of the interactions beside the items at `path`, in the file's order. Raises CatalogFileError."""
    file = _only_one(_folder(path), _ACT_FILES)
    if file is None:
        raise CatalogFileError(
            f"{_folder(path)}: no history beside the items: neither {ACTS}.parquet nor {ACTS}.csv. "
            "Put one there, or leave out --with-history."
        )
    if file.suffix == ".parquet":
        return read_parquet_columns(file, meter, ACT_FIELDS, REQUIRED_ACT_FIELDS)
    return read_csv_columns(file, meter, REQUIRED_ACT_FIELDS)


def read_readers(path: Path, meter: ReadingMeter) -> Records:
    """The same for what is known of the people, which may be nothing."""
    file = _only_one(_folder(path), _READER_FILES)
    if file is None:
        return iter(())
    if file.suffix == ".parquet":
        return read_parquet_columns(file, meter, READER_FIELDS, REQUIRED_READER_FIELDS)
    if ".csv" in file.suffixes:
        return read_csv_columns(file, meter, REQUIRED_READER_FIELDS)
    return read_jsonl(file, meter)


def act_of(fields: Mapping[str, Any], *, now: datetime) -> PastAct:
    """Raises RowError for a kind, a rating or a time that is none, or a time that lies ahead."""
    kind, rated = _kind(fields.get("kind"), fields.get("rating"))
    happened_at = _moment(fields.get("time"))
    if happened_at > now:
        raise RowError(Reason.BAD_DATE, f"time {happened_at:%Y-%m-%d %H:%M} lies ahead")
    return PastAct(_key("reader", fields.get("reader")), _key("item", fields.get("item")), kind, happened_at, rated)


def reader_of(fields: Mapping[str, Any]) -> PastReader:
    """As the API takes a reader, but for topics: following has a time, which no file tells. In text, languages are
    parted by `|` and attributes are a JSON object. Raises RowError."""
    told = {name: fields[name] for name in READER_FIELDS if fields.get(name) not in (None, "")}
    if isinstance(told.get("languages"), str):
        told["languages"] = told["languages"].split("|")
    if isinstance(told.get("attributes"), str):
        told["attributes"] = json_of_text(told["attributes"])
    row = parse_reader(told)
    return PastReader(row.external_id, row.attributes_json or "{}", row.languages, row.country)


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _only_one(folder: Path, names: tuple[str, ...]) -> Path | None:
    found = [name for name in names if (folder / name).is_file()]
    if len(found) > 1:
        raise CatalogFileError(f"{folder}: has {' and '.join(found)}, and only one can count. Move the others away.")
    return folder / found[0] if found else None


def _kind(kind: Any, rating: Any) -> tuple[str, bool]:
    """What was done, and whether a rating says so. A row with both is what its kind says."""
    if kind not in (None, ""):
        word = str(kind).strip().lower()
        if word not in PAST_KINDS:
            raise RowError(Reason.BAD_KIND, f"{word[:80]!r}; {', '.join(PAST_KINDS)} are possible")
        return word, False
    if rating in (None, ""):
        raise RowError(Reason.MISSING, "kind or rating")
    value = _number("rating", rating)
    if not LOWEST_RATING <= value <= HIGHEST_RATING:
        raise RowError(Reason.BAD_RATING, f"{value:g}; {LOWEST_RATING:g} to {HIGHEST_RATING:g} are possible")
    return kind_of_rating(value), True


def _moment(value: Any) -> datetime:
    """A moment from a timestamp, ISO 8601 (without a zone it is UTC), or seconds since 1970. Raises RowError."""
    if isinstance(value, datetime):
        moment = value
    elif value in (None, ""):
        raise RowError(Reason.MISSING, "time")
    else:
        moment = _moment_of_text(str(value).strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _moment_of_text(text: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(text), tz=UTC) if _NUMBER.fullmatch(text) else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError) as error:
        raise RowError(
            Reason.BAD_DATE, f"time {text[:80]!r}; write it like 2024-05-31T12:00:00Z, or in seconds since 1970"
        ) from error


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise RowError(Reason.WRONG_TYPE, f"{name} is {str(value)[:80]!r}, not a number") from error


def _key(name: str, value: Any) -> str:
    try:
        return external_id_of(value)
    except RowError as error:
        raise RowError(error.reason, f"{name}: {error.detail}") from error
