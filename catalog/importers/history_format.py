"""What a data set says about people and what they did there. A format that has it names its readers of both here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from catalog.importers.records import BadRecord, ReadingMeter, Records, RowError
from catalog.importers.rows import external_id_of

PAST_KINDS = ("click", "like", "save", "dismiss", "already_seen")
"""What somebody can have done to an item, in the words of the log."""

LOWEST_RATING, HIGHEST_RATING = 0.5, 5.0


@dataclass(frozen=True, slots=True)
class PastAct:
    """reader, item: keys in the data set.  kind: one of `PAST_KINDS`.  happened_at: UTC.
    rated: told by a rating, of which a later one of the same item takes the place."""

    reader: str
    item: str
    kind: str
    happened_at: datetime
    rated: bool


@dataclass(frozen=True, slots=True)
class PastReader:
    """What the site may keep of somebody. None means "not told".

    attributes_json: JSON text of an object.  languages: codes; an empty tuple means all.
    """

    key: str
    attributes_json: str
    languages: tuple[str, ...] | None = None
    country: str | None = None


class ActOf(Protocol):
    def __call__(self, fields: Mapping[str, Any], *, now: datetime) -> PastAct: ...


@dataclass(frozen=True)
class HistoryFormat:
    """The readers of a data set that tells who did what, and when.

    read_acts, read_readers: path -> records.  act, reader: a record's fields -> what they say; may raise RowError.
    acts_file, readers_file: names for the rejects.
    """

    acts_file: str
    readers_file: str
    read_acts: Callable[[Path, ReadingMeter], Records]
    read_readers: Callable[[Path, ReadingMeter], Records]
    act: ActOf
    reader: Callable[[Mapping[str, Any]], PastReader]


def kind_of_rating(rating: float) -> str:
    """What a rating from 0.5 to 5 is taken for: from 4 on a like, from 3 on a click, below a dismissal."""
    if rating >= 4:
        return "like"
    return "click" if rating >= 3 else "dismiss"


def published_before_chosen(
    history: HistoryFormat, path: Path, fields: Callable[[Mapping[str, Any]], Mapping[str, Any]], *, now: datetime
) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """`fields`, with no item published later than the first thing that anybody did to it.

    Some films were rated at a preview, and one has no release date; nothing may be chosen before it was there, or its
    age at that time would be negative. Holds a time an item. Raises CatalogFileError.
    """
    first_chosen = _first_chosen(history, path, now)

    def corrected(record: Mapping[str, Any]) -> Mapping[str, Any]:
        item = fields(record)
        chosen_at = first_chosen.get(_key_of(item))
        if chosen_at is None:
            return item
        published_at = item.get("published_at")
        # What is no date is left for rows.parse_row to refuse.
        too_late = not published_at or _is_after(published_at, chosen_at)
        return {**item, "published_at": chosen_at} if too_late else item

    return corrected


def _first_chosen(history: HistoryFormat, path: Path, now: datetime) -> dict[str, datetime]:
    first: dict[str, datetime] = {}
    for record in history.read_acts(path, ReadingMeter()):
        if isinstance(record, BadRecord):
            continue
        try:
            act = history.act(record.fields, now=now)
        except RowError:
            continue
        before = first.get(act.item)
        if before is None or act.happened_at < before:
            first[act.item] = act.happened_at
    return first


def _key_of(item: Mapping[str, Any]) -> str:
    """The item's key, "" if it has none; rows.parse_row says why."""
    try:
        return external_id_of(item.get("external_id"))
    except RowError:
        return ""


def _is_after(published_at: Any, chosen_at: datetime) -> bool:
    try:
        moment = published_at if isinstance(published_at, datetime) else datetime.fromisoformat(str(published_at))
    except ValueError:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) > chosen_at
