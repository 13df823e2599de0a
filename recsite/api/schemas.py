"""What goes in and out, for the documentation and for clients that are made from it.

Bodies are described here and judged elsewhere, entry by entry: one bad entry must not lose its neighbours.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import JsonValue

from catalog.importers.rows import EXTERNAL_ID_MAX_CHARS, MAX_TOPICS
from catalog.models import BODY_MAX_CHARS, SUMMARY_MAX_CHARS, TITLE_MAX_CHARS, URL_MAX_CHARS
from feedback.event_forms import VIEW
from feedback.kinds import Kind

BROWSER_EVENTS_MAX = 100
SERVER_EVENTS_MAX = 1_000
RECORDS_MAX = 1_000
FEED_LIMIT_MAX = 100
EVENT_KINDS = (VIEW, *Kind.values)


class Problem(Schema):
    """A call that was refused."""

    reason: str = Field(description="One word that programs can rely on.")
    detail: str = Field(description="The cause and the cure, for people.")


class FeedItem(Schema):
    """One impression."""

    id: int
    external_id: str
    title: str
    summary: str
    topics: list[str] = Field(description="Slugs.")
    url: str = Field(description="Path of the item's page. Its token makes opening it a click on this impression.")
    position: int = Field(description="From 0 at the top of the first page.")
    token: str | None = Field(description="Names this impression in events for 48 hours; null if it was not recorded.")


class FeedPage(Schema):
    """One slate."""

    slate: UUID | None = Field(description="Null if it could not be recorded.")
    release: int | None = Field(description="Which pair of models chose the items, or null.")
    fallback: str | None = Field(description="Why no release did, or null.")
    items: list[FeedItem]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class SimilarItems(Schema):
    """One slate that has no next page."""

    slate: UUID | None = Field(description="Null if it could not be recorded.")
    release: int | None = Field(description="Which pair of models chose the items, or null.")
    fallback: str | None = Field(description="Why no release did, or null.")
    items: list[FeedItem]


class Event(Schema):
    """Something that a reader saw or did."""

    id: UUID = Field(description="Made by the client: what is delivered twice counts once.")
    kind: str = Field(json_schema_extra={"enum": list(EVENT_KINDS)})
    token: str | None = Field(None, description="Of the impression it is about.")
    item: int | None = Field(None, description="The item it is about, where there is no token.")
    age_ms: int | None = Field(None, ge=0, description="Milliseconds ago. Either this or `at`.")
    at: datetime | None = Field(None, description="When, with its zone. Either this or `age_ms`.")
    value: str | int | None = Field(None, description="Milliseconds, slug or query: the kind says which.")
    undo: bool = Field(False, description="Takes back the latest of this kind.")


class Events(Schema):
    """A batch of one reader."""

    events: list[Event] = Field(max_length=SERVER_EVENTS_MAX)


class EventResult(Schema):
    """What became of one event."""

    id: str | None = Field(description="As it was sent; null if it was no text.")
    status: Literal["accepted", "duplicate", "refused"]
    reason: str | None = None


class EventResults(Schema):
    """In the order of the events. What is not refused is on disk."""

    results: list[EventResult]


class ItemRecord(Schema):
    """An item as it should be."""

    external_id: str = Field(min_length=1, max_length=EXTERNAL_ID_MAX_CHARS)
    title: str = Field(min_length=1, max_length=TITLE_MAX_CHARS)
    summary: str | None = Field(None, max_length=SUMMARY_MAX_CHARS)
    body: str | None = Field(None, max_length=BODY_MAX_CHARS)
    topics: list[str] | None = Field(None, max_length=MAX_TOPICS, description="Names or slugs; made if they are new.")
    author: str | None = Field(None, max_length=200)
    language: str | None = Field(None, description="BCP 47, such as en or pt-br.")
    published_at: datetime | None = None
    image: str | None = Field(None, max_length=URL_MAX_CHARS, description="An http(s) address.")
    link: str | None = Field(None, max_length=URL_MAX_CHARS, description="An http(s) address.")
    attributes: dict[str, JsonValue] | None = None
    hidden: bool | None = None


class Items(Schema):
    """A batch of items."""

    items: list[ItemRecord] = Field(max_length=RECORDS_MAX)


class ReaderRecord(Schema):
    """What is known of a reader."""

    external_id: str = Field(min_length=1, max_length=EXTERNAL_ID_MAX_CHARS)
    languages: list[str] | None = Field(None, description="Codes of those they want to read; none means all.")
    country: str | None = Field(None, description="ISO 3166-1 alpha-2, such as CH.")
    topics: list[str] | None = Field(None, max_length=MAX_TOPICS, description="Names or slugs of those they follow.")
    attributes: dict[str, JsonValue] | None = None


class Readers(Schema):
    """A batch of readers."""

    readers: list[ReaderRecord] = Field(max_length=RECORDS_MAX)


class RecordResult(Schema):
    """What became of one record."""

    external_id: str | None = Field(description="As it was kept, or as it was sent; null if it was no text.")
    status: Literal["created", "updated", "unchanged", "refused"]
    reason: str | None = None


class RecordResults(Schema):
    """In the order of the records."""

    results: list[RecordResult]


def body_of(schema: type[Schema]) -> dict[str, Any]:
    """A request body for the documentation only: the route reads it itself, entry by entry."""
    content = schema.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"required": True, "content": {"application/json": {"schema": _inlined(content, content.pop("$defs", {}))}}}


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:
    """The same schema with every reference replaced by what it refers to."""
    if isinstance(part, list):
        return [_inlined(entry, definitions) for entry in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inlined(definitions[part["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(value, definitions) for name, value in part.items()}
