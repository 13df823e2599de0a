"""What a data set says about people and what they rated. A format that has it names its readers of both here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from catalog.importers.records import BadRecord, ReadingMeter, Records, RowError


@dataclass(frozen=True, slots=True)
class Rating:
    """reader, item: keys in the data set.  value: 1 (bad) to 5 (good).  rated_at: UTC."""

    reader: str
    item: str
    value: int
    rated_at: datetime


@dataclass(frozen=True, slots=True)
class RatedReader:
    """attributes: plain JSON values that the site may keep."""

    key: str
    attributes: dict[str, Any]


class RatingOf(Protocol):
    def __call__(self, fields: Mapping[str, Any], *, now: datetime) -> Rating: ...


@dataclass(frozen=True)
class RatingsFormat:
    """The readers of a data set with ratings and their times.

    read_ratings, read_readers: path -> records.  rating, reader: a record's fields -> what they say; may raise
    RowError. ratings_file, readers_file: names for the rejects.
    """

    ratings_file: str
    readers_file: str
    read_ratings: Callable[[Path, ReadingMeter], Records]
    read_readers: Callable[[Path, ReadingMeter], Records]
    rating: RatingOf
    reader: Callable[[Mapping[str, Any]], RatedReader]


def published_before_rated(
    ratings: RatingsFormat, path: Path, fields: Callable[[Mapping[str, Any]], Mapping[str, Any]], *, now: datetime
) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """`fields`, with no item published later than its first rating.

    Some films were rated at a preview, and one has no release date; nothing may be rated before it was there, or its
    age at that time would be negative. Holds a time an item. Raises CatalogFileError.
    """
    first_rated = _first_rated(ratings, path, now)

    def corrected(record: Mapping[str, Any]) -> Mapping[str, Any]:
        item = fields(record)
        rated_at = first_rated.get(item["external_id"].strip())
        if rated_at is None:
            return item
        published_at = item.get("published_at")
        # Text that is no date is left for rows.parse_row to refuse.
        too_late = not published_at or _is_after(published_at, rated_at)
        return {**item, "published_at": rated_at} if too_late else item

    return corrected


def _first_rated(ratings: RatingsFormat, path: Path, now: datetime) -> dict[str, datetime]:
    first: dict[str, datetime] = {}
    for record in ratings.read_ratings(path, ReadingMeter()):
        if isinstance(record, BadRecord):
            continue
        try:
            rating = ratings.rating(record.fields, now=now)
        except RowError:
            continue
        before = first.get(rating.item)
        if before is None or rating.rated_at < before:
            first[rating.item] = rating.rated_at
    return first


def _is_after(published_at: str, rated_at: datetime) -> bool:
    try:
        moment = datetime.fromisoformat(published_at)
    except ValueError:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) > rated_at
