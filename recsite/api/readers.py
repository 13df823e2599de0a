"""PUT /readers: what another system knows of its readers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.text import slugify

from catalog.importers.reader_rows import ReaderRow, parse_reader
from catalog.importers.records import Reason, RowError
from catalog.models import Reader, Topic
from feedback.declared_topics import follow_exactly
from recsite.api.record_results import RecordResult, refused, repeated


def put_readers(records: Sequence[object], *, now: datetime) -> list[RecordResult]:
    """Make or change readers by their external id; a result each, in order.

    Of records with one external id the first acceptable one counts. A field left out stays as it is.
    """
    results: dict[int, RecordResult] = {}
    parsed: dict[int, ReaderRow] = {}
    for number, record in enumerate(records):
        try:
            parsed[number] = _row(record)
        except RowError as error:
            results[number] = refused(record, error)
    topic_ids = _topic_ids(name for row in parsed.values() for name in row.topics or ())
    numbers: dict[str, int] = {}
    for number, row in parsed.items():
        problem = _unknown_topic(row, topic_ids) or _repeated(numbers.setdefault(row.external_id, number), number)
        if problem:
            results[number] = refused(records[number], problem)
    written = _write([parsed[number] for number in numbers.values()], topic_ids, now)
    results |= dict(zip(numbers.values(), written, strict=True))
    return [results[number] for number in range(len(records))]


def _row(record: object) -> ReaderRow:
    if not isinstance(record, Mapping):
        raise RowError(Reason.NOT_AN_OBJECT, type(record).__name__)
    try:
        return parse_reader(record)
    except RecursionError as error:
        raise RowError(Reason.BAD_ATTRIBUTES, "nested too deep") from error


def _topic_ids(names: Iterable[str]) -> dict[str, int]:
    """Topics by the casefolded name or slug that was asked for. None is made: a topic comes with its first item."""
    wanted = {name.casefold(): name for name in names}
    if not wanted:
        return {}
    slugs = {*wanted, *(slugify(name, allow_unicode=True) for name in wanted.values())}
    found = list(Topic.objects.filter(Q(name__in=wanted.values()) | Q(slug__in=slugs)).order_by("-pk"))
    known = {topic.slug: topic.pk for topic in found} | {topic.name.casefold(): topic.pk for topic in found}
    return {key: known[key] for key in wanted if key in known}


def _unknown_topic(row: ReaderRow, topic_ids: Mapping[str, int]) -> RowError | None:
    unknown = next((name for name in row.topics or () if name.casefold() not in topic_ids), None)
    return RowError(Reason.UNKNOWN_TOPIC, f"{unknown!r}; send an item of it first") if unknown else None


def _repeated(first: int, number: int) -> RowError | None:
    return repeated(first) if first != number else None


def _write(rows: Sequence[ReaderRow], topic_ids: Mapping[str, int], now: datetime) -> list[RecordResult]:
    external_ids = [row.external_id for row in rows]
    with transaction.atomic():
        known = set(Reader.objects.filter(external_id__in=external_ids).values_list("external_id", flat=True))
        Reader.objects.bulk_create(
            [Reader(external_id=row.external_id, created_at=now) for row in rows if row.external_id not in known],
            ignore_conflicts=True,
        )
        readers = {
            str(reader.external_id): reader
            for reader in Reader.objects.select_for_update().filter(external_id__in=external_ids).order_by("pk")
        }
        changed = {row.external_id for row in rows if _change(readers[row.external_id], row)}
        Reader.objects.bulk_update(
            [readers[external_id] for external_id in sorted(changed)], ["languages", "country", "attributes"]
        )
        wanted = {
            readers[row.external_id]: frozenset(topic_ids[name.casefold()] for name in row.topics)
            for row in rows
            if row.topics is not None
        }
        followed = follow_exactly(wanted, now=now)
    return [
        RecordResult(row.external_id, _status(row, known, readers[row.external_id].pk in followed, changed))
        for row in rows
    ]


def _status(row: ReaderRow, known: set[str | None], follows_others: bool, changed: set[str]) -> str:
    if row.external_id not in known:
        return "created"
    return "updated" if follows_others or row.external_id in changed else "unchanged"


def _change(reader: Reader, row: ReaderRow) -> bool:
    """Take over what the record says. False when it says nothing new."""
    before = _as_text(reader)
    if row.languages is not None:
        reader.languages = list(row.languages)
    if row.country is not None:
        reader.country = row.country
    if row.attributes_json is not None:
        reader.attributes = json.loads(row.attributes_json)
    return _as_text(reader) != before


def _as_text(reader: Reader) -> str:
    """For comparing: to Python, True equals 1."""
    return json.dumps([reader.languages, reader.country, reader.attributes], sort_keys=True)
