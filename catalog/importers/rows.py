"""What makes a catalogue row acceptable: the only place where an imported value is checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from catalog.importers.language_codes import site_language
from catalog.importers.records import Reason, RowError
from catalog.languages import LANGUAGE_CODE
from catalog.models import BODY_MAX_CHARS, SUMMARY_MAX_CHARS, TITLE_MAX_CHARS, URL_MAX_CHARS

OWN_SOURCE = "site"
"""The source of items in formats of our own: a file and a server may name the same item."""

EXTERNAL_ID_MAX_CHARS = 200
LANGUAGE_MAX_CHARS = 12
AUTHOR_MAX_CHARS = 200
TOPIC_MAX_CHARS = 100
MAX_TOPICS = 20
ATTRIBUTES_MAX_CHARS = 100_000
ATTRIBUTES_MAX_DEPTH = 20

DEFAULT_LANGUAGE = "en"
EARLIEST_YEAR = 1000
"""What claims to be older is nearly always a placeholder, such as year 1."""
FURTHEST_AHEAD = timedelta(days=366)

FIELDS = (
    "external_id",
    "title",
    "summary",
    "body",
    "topics",
    "author",
    "language",
    "published_at",
    "image",
    "link",
    "attributes",
    "hidden",
)
REQUIRED_FIELDS = ("external_id", "title")
KEEPABLE_FIELDS = frozenset({"summary", "body", "topics", "author", "language", "image", "link", "attributes"})
"""Those that a row may leave as they are. `published_at` and `hidden` are kept whenever a row lacks them."""

# Control characters break Atom feeds and sitemaps, NUL breaks PostgreSQL, half a surrogate pair breaks UTF-8.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_JSON_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LANGUAGE = re.compile(LANGUAGE_CODE)
# Stricter than the database's own rule, so that a difference between two regular expression engines never shows.
_ADDRESS = re.compile(r"https?://[^\s<>\"/?#\u180e][^\s<>\"\u180e]*", re.IGNORECASE)
_encode_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False).encode


@dataclass(frozen=True, slots=True)
class CatalogRow:
    """One acceptable row. Empty text stands for "none".

    topics: names or slugs, each once whatever its case.
    published_at: UTC; None means "keep what the site has; for a new item, the time of the import".
    attributes_json: the attributes as JSON text that PostgreSQL's jsonb takes.
    hidden: None means "keep what the site has; a new item is shown".
    keeps: fields that say nothing; an item that exists keeps what the site has.
    """

    external_id: str
    title: str
    summary: str
    body: str
    topics: tuple[str, ...]
    author: str
    language: str
    published_at: datetime | None
    image: str
    link: str
    attributes_json: str
    hidden: bool | None
    keeps: frozenset[str] = frozenset()


def parse_row(fields: Mapping[str, Any], *, now: datetime, keep_missing: bool = False) -> CatalogRow:
    """Check and tidy one row. Fields that we do not know are ignored. Raises RowError with the first thing that is
    wrong.

    A field that is missing empties that of an item which exists, unless `keep_missing`.
    """
    return CatalogRow(
        external_id=external_id_of(fields.get("external_id")),
        title=_title(fields.get("title")),
        summary=_paragraphs("summary", fields.get("summary"), SUMMARY_MAX_CHARS),
        body=_paragraphs("body", fields.get("body"), BODY_MAX_CHARS),
        topics=topic_names(fields.get("topics")),
        author=_one_line("author", fields.get("author"), AUTHOR_MAX_CHARS),
        language=language_code(fields.get("language")),
        published_at=_published_at(fields.get("published_at"), now),
        image=_address("image", fields.get("image")),
        link=_address("link", fields.get("link")),
        attributes_json=attributes_as_json(fields.get("attributes")),
        hidden=_hidden(fields.get("hidden")),
        keeps=KEEPABLE_FIELDS - fields.keys() if keep_missing else frozenset(),
    )


def typed_fields(texts: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a format that knows nothing but text, such as CSV, given the types that parse_row wants.

    An empty text means that the field is not there; topics are parted by `|`; attributes are a JSON object; hidden is
    true or false. Raises RowError.
    """
    fields: dict[str, Any] = {name: text for name, text in texts.items() if text.strip()}
    if "topics" in fields:
        fields["topics"] = fields["topics"].split("|")
    if "attributes" in fields:
        fields["attributes"] = json_of_text(fields["attributes"])
    if "hidden" in fields:
        fields["hidden"] = _flag_of_text(fields["hidden"])
    return fields


# --- one function a kind of field
# --------------------------------------------------------------------------------------


def external_id_of(value: Any) -> str:
    """Tidy the key that another system uses. Raises RowError."""
    if type(value) is int:
        value = str(value)
    text = _one_line("external_id", value, EXTERNAL_ID_MAX_CHARS)
    if not text:
        raise RowError(Reason.MISSING, "external_id")
    return text


def _title(value: Any) -> str:
    text = _one_line("title", value, TITLE_MAX_CHARS)
    if not text:
        raise RowError(Reason.MISSING, "title")
    return text


def _one_line(name: str, value: Any, max_chars: int) -> str:
    """Text with every run of white space made one space."""
    text = " ".join(_text(name, value).split())
    return _fit(name, text, max_chars) if text else ""


def _paragraphs(name: str, value: Any, max_chars: int) -> str:
    """Text that keeps its line breaks, as `\\n`."""
    text = _text(name, value)
    if not text:
        return ""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\v", "\n").replace("\f", "\n").strip()
    return _fit(name, text, max_chars)


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RowError(Reason.WRONG_TYPE, f"{name} is {_kind(value)}, not text")
    return value


def _fit(name: str, text: str, max_chars: int) -> str:
    if len(text) > max_chars:
        raise RowError(Reason.TOO_LONG, f"{name} has {len(text):,} characters, {max_chars:,} is the most")
    unfit = _UNFIT.search(text)
    if unfit:
        raise RowError(Reason.BAD_CHARACTER, f"{name} holds U+{ord(unfit[0]):04X} at character {unfit.start() + 1}")
    return text


def topic_names(value: Any) -> tuple[str, ...]:
    """Names or slugs, each once whatever its case. Raises RowError."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise RowError(Reason.WRONG_TYPE, f"topics is {_kind(value)}, not a list of names")
    names: dict[str, str] = {}
    for entry in value:
        if not isinstance(entry, str):
            raise RowError(Reason.WRONG_TYPE, f"topics holds {_kind(entry)}, not only names")
        name = _one_line("a topic", entry, TOPIC_MAX_CHARS)
        if name:
            names.setdefault(name.casefold(), name)
    if len(names) > MAX_TOPICS:
        raise RowError(Reason.TOO_MANY_TOPICS, f"{len(names)}, {MAX_TOPICS} is the most")
    return tuple(names.values())


def language_code(value: Any) -> str:
    """The site's own form of a language code. Raises RowError."""
    code = site_language(_text("language", value))
    if not code:
        return DEFAULT_LANGUAGE
    if len(code) > LANGUAGE_MAX_CHARS or not _LANGUAGE.fullmatch(code):
        raise RowError(Reason.BAD_LANGUAGE, f"{_short(value)}; write it like en, pt-br or zh-hant")
    return code


def _published_at(value: Any, now: datetime) -> datetime | None:
    if value is None or value == "":
        return None
    moment = _moment(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment.year < EARLIEST_YEAR:
        raise RowError(Reason.BAD_DATE, f"published_at {_short(value)} is before the year {EARLIEST_YEAR}")
    if moment > now + FURTHEST_AHEAD:
        raise RowError(Reason.BAD_DATE, f"published_at {_short(value)} is more than a year ahead")
    return moment.astimezone(UTC)


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    text = _text("published_at", value)
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise RowError(
            Reason.BAD_DATE, f"published_at {_short(value)}; write it like 2024-05-31 or 2024-05-31T12:00:00Z"
        ) from error


def _address(name: str, value: Any) -> str:
    text = _text(name, value).strip()
    if not text:
        return ""
    _fit(name, text, URL_MAX_CHARS)
    if not _ADDRESS.fullmatch(text):
        raise RowError(Reason.BAD_ADDRESS, f"{name} {_short(text)}; it must begin with http:// or https:// and a host")
    return text


def attributes_as_json(value: Any) -> str:
    """JSON text that PostgreSQL's jsonb takes. Raises RowError."""
    if value is None or value == {}:
        return "{}"
    if not isinstance(value, dict):
        raise RowError(Reason.WRONG_TYPE, f"attributes is {_kind(value)}, not an object")
    try:
        text = _encode_json(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise RowError(Reason.BAD_ATTRIBUTES, str(error)) from error
    if len(text) > ATTRIBUTES_MAX_CHARS:
        raise RowError(
            Reason.TOO_LONG, f"attributes has {len(text):,} characters, {ATTRIBUTES_MAX_CHARS:,} is the most"
        )
    if not text.isascii() and _SURROGATE.search(text):
        raise RowError(Reason.BAD_ATTRIBUTES, "half a surrogate pair in a text")
    if "\\u0000" in text and _JSON_NUL.search(text):
        raise RowError(Reason.BAD_ATTRIBUTES, "a NUL in a text")
    if text.count("{") + text.count("[") > ATTRIBUTES_MAX_DEPTH and _depth(value) > ATTRIBUTES_MAX_DEPTH:
        raise RowError(Reason.BAD_ATTRIBUTES, f"nested more than {ATTRIBUTES_MAX_DEPTH} deep")
    return text


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list | tuple):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _hidden(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise RowError(Reason.WRONG_TYPE, f"hidden is {_kind(value)}, not true or false")


def json_of_text(text: str) -> Any:
    """What a JSON text says. Raises RowError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RowError(Reason.BAD_ATTRIBUTES, f"not valid JSON: {error}") from error


def _flag_of_text(text: str) -> bool:
    word = text.strip().lower()
    if word in {"true", "1", "yes"}:
        return True
    if word in {"false", "0", "no"}:
        return False
    raise RowError(Reason.WRONG_TYPE, f"hidden is {_short(text)}, not true or false")


_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
    bytes: "bytes without an encoding",
    type(None): "null",
}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), f"of type {type(value).__name__}")


def _short(value: Any) -> str:
    return repr(value if not isinstance(value, str) or len(value) <= 80 else value[:80] + "...")
