"""What makes a record of a reader acceptable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalog.importers.records import Reason, RowError
from catalog.importers.rows import attributes_as_json, external_id_of, language_code, topic_names

LANGUAGES_MAX = 20
_COUNTRY = re.compile("[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class ReaderRow:
    """One acceptable record. None means "keep what the site has".

    languages: codes; an empty tuple means all. topics: names or slugs of those followed.
    attributes_json: the attributes as JSON text that PostgreSQL's jsonb takes.
    """

    external_id: str
    languages: tuple[str, ...] | None
    country: str | None
    topics: tuple[str, ...] | None
    attributes_json: str | None


def parse_reader(fields: Mapping[str, Any]) -> ReaderRow:
    """Check and tidy one record. Fields that we do not know are ignored; null empties one. Raises RowError."""
    return ReaderRow(
        external_id=external_id_of(fields.get("external_id")),
        languages=_languages(fields["languages"]) if "languages" in fields else None,
        country=_country(fields["country"]) if "country" in fields else None,
        topics=topic_names(fields["topics"]) if "topics" in fields else None,
        attributes_json=attributes_as_json(fields["attributes"]) if "attributes" in fields else None,
    )


def _languages(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise RowError(Reason.WRONG_TYPE, "languages is not a list of codes")
    if len(value) > LANGUAGES_MAX:
        raise RowError(Reason.TOO_LONG, f"languages has {len(value)} entries, {LANGUAGES_MAX} is the most")
    if not all(isinstance(code, str) and code.strip() for code in value):
        raise RowError(Reason.WRONG_TYPE, "languages holds something that is no code")
    return tuple(dict.fromkeys(map(language_code, value)))


def _country(value: Any) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        raise RowError(Reason.WRONG_TYPE, "country is not text")
    country = value.strip().upper()
    if not _COUNTRY.fullmatch(country):
        raise RowError(Reason.BAD_COUNTRY, "country; write it like CH or BR (ISO 3166-1 alpha-2)")
    return country
