"""What the readers hand on: one record a row of the file, or the reason why that row could not be read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

EXCERPT_CHARS = 500


class CatalogFileError(ValueError):
    """The file as a whole cannot be imported: it is missing, of another format, or broken beyond one row."""


class Reason(StrEnum):
    """Why a row was rejected, in the words of the rejects file. What exactly was wrong follows after a colon."""

    NOT_UTF8 = "not valid UTF-8"
    LINE_TOO_LONG = "line too long"
    NOT_JSON = "not valid JSON"
    NOT_AN_OBJECT = "not a JSON object"
    WRONG_COLUMN_COUNT = "wrong number of columns"
    BAD_QUOTES = "quotes that do not match"
    UNREADABLE_VALUE = "a value cannot be read"
    MISSING = "required field missing"
    WRONG_TYPE = "wrong type"
    TOO_LONG = "too long"
    BAD_CHARACTER = "character that no page may hold"
    BAD_LANGUAGE = "not a language code"
    BAD_COUNTRY = "not a country code"
    UNKNOWN_TOPIC = "topic that the site does not have"
    BAD_DATE = "not a usable date"
    BAD_ADDRESS = "not an http(s) address"
    BAD_ATTRIBUTES = "attributes that cannot be stored"
    TOO_MANY_TOPICS = "too many topics"
    REPEATED = "external_id used twice"
    BAD_RATING = "not a rating"
    BAD_KIND = "not a kind of interaction"
    UNKNOWN_ITEM = "item that is not in the catalogue"
    TOLD_TWICE = "the same reader, item and time again"
    REFUSED_BY_DATABASE = "refused by the database"


class RowError(ValueError):
    """A row that cannot be taken in. `reason` is one of a few, `detail` says what was found."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class Record:
    """One row as its file has it.

    line: from 1; where the row begins in a text file, the row's number in a Parquet file.
    fields: names and values, unchecked.
    source: the row as it was written, for the rejects file; None if `fields` say it all.
    """

    line: int
    fields: Mapping[str, Any]
    source: str | None = None

    def excerpt(self) -> str:
        return excerpt(json.dumps(self.fields, default=str) if self.source is None else self.source)


@dataclass(slots=True)
class BadRecord:
    """A row that could not even be read."""

    line: int
    error: RowError
    source: str

    def excerpt(self) -> str:
        return excerpt(self.source)


Records = Iterator[Record | BadRecord]


@dataclass(slots=True)
class ReadingMeter:
    """How far a reader is, for the progress bar. The unit is the reader's own: bytes or rows."""

    done: int = 0
    total: int = 0


def excerpt(source: str) -> str:
    """The beginning of a row, fit for any UTF-8 file (a lone surrogate is not)."""
    return source[:EXCERPT_CHARS].encode("utf-8", "replace").decode("utf-8")
