"""Rows of a made-up site of any size: its catalogue, and readers who have a history and have seen slates.

Needs Django to be set up. Everything goes in by COPY or in bulk.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
from django.db import connection

from benchmarks.catalogue_rows import COPY_COLUMNS, NEWEST, NUM_AUTHORS, NUM_TOPICS, bare_line, made_up_rows
from benchmarks.site_stage import history_rows
from catalog.models import Author, Reader, Topic
from feedback.buckets import reader_bucket
from feedback.kinds import Kind
from feedback.models import Interaction, View
from feedback.models import Slate as SlateRow
from feedback.partitions import ensure_partitions
from feedback.surfaces import Surface
from feedback.uuid7 import make_uuid7

HISTORY = 100
SLATES, CARDS, SEEN = 30, 24, 12
"""Of each reader: slates of so many cards, of which so many were seen."""

_ROWS_A_WRITE = 2_000
_TEXT_INDEXES = ("item_search", "item_title_words")


def fill(num_items: int, num_readers: int, *, seed: int, now: datetime) -> None:
    """Item ids are 1 to `num_items`, published within two years before `now`. Topics and authors have ids from 1 on."""
    ensure_partitions(now=now)
    Topic.objects.bulk_create(
        Topic(pk=1 + number, name=f"Topic {number}", slug=f"topic-{number}") for number in range(NUM_TOPICS)
    )
    Author.objects.bulk_create(
        Author(pk=1 + number, name=f"Author {number}", slug=f"author-{number}") for number in range(NUM_AUTHORS)
    )
    _copy_items(num_items, seed, now)
    rng = np.random.default_rng(seed)
    readers = [
        Reader(created_at=now - timedelta(days=60), welcomed_at=now - timedelta(days=60)) for _ in range(num_readers)
    ]
    Reader.objects.bulk_create(readers)
    for reader in readers:
        _give_past(reader, num_items, rng, now)
    ensure_partitions(now=now)  # what was served last month may lie in the default partition
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _copy_items(num_items: int, seed: int, now: datetime) -> None:
    """Without the indexes of searches, which nobody makes here: they take longer than all the rest."""
    with connection.cursor() as cursor:
        for index in _TEXT_INDEXES:
            cursor.execute(f"DROP INDEX {index}")
        with cursor.copy(f"COPY catalog_item ({', '.join(COPY_COLUMNS)}) FROM STDIN") as copy:
            for lines in _in_parts(_item_lines(num_items, seed, now)):
                copy.write(lines)
        with cursor.copy("COPY catalog_itemtopic (item_id, topic_id) FROM STDIN") as copy:
            for lines in _in_parts(_topic_lines(num_items, seed)):
                copy.write(lines)
        cursor.execute("SELECT setval(pg_get_serial_sequence('catalog_item', 'id'), %s)", [num_items])


def _item_lines(num_items: int, seed: int, now: datetime) -> Iterator[str]:
    later = now - NEWEST
    for number, row in enumerate(made_up_rows(seed, num_items), start=1):
        published_at = datetime.fromisoformat(row["published_at"]) + later
        yield bare_line(number, row | {"published_at": published_at.isoformat()})


def _topic_lines(num_items: int, seed: int) -> Iterator[str]:
    for number, row in enumerate(made_up_rows(seed, num_items), start=1):
        for topic in row["topics"]:
            yield f"{number}\t{1 + int(topic.split()[1])}\n"


def _in_parts(lines: Iterator[str]) -> Iterator[str]:
    part: list[str] = []
    for line in lines:
        part.append(line)
        if len(part) == _ROWS_A_WRITE:
            yield "".join(part)
            part.clear()
    yield "".join(part)


def _give_past(reader: Reader, num_items: int, rng: np.random.Generator, now: datetime) -> None:
    bucket = reader_bucket(reader.public_id)
    chosen = 1 + history_rows(num_items, HISTORY, rng)
    Interaction.objects.bulk_create(
        Interaction(
            reader=reader,
            reader_bucket=bucket,
            kind=Kind.CLICK,
            item_id=item_id,
            happened_at=at,
            received_at=at,
            imported_at=now,
        )
        for item_id, at in zip(chosen.tolist(), _moments(HISTORY, timedelta(hours=8), now), strict=True)
    )
    slates = [
        _slate(reader, bucket, 1 + rng.choice(num_items, CARDS, replace=False), at)
        for at in _moments(SLATES, timedelta(minutes=50), now)
    ]
    SlateRow.objects.bulk_create(slates)
    View.objects.bulk_create(
        View(
            slate_id=slate.pk,
            position=position,
            item_id=slate.items[position],
            viewed_at=slate.served_at,
            received_at=slate.served_at,
        )
        for slate in slates
        for position in range(SEEN)
    )


def _moments(count: int, apart: timedelta, now: datetime) -> list[datetime]:
    return [now - apart * (count - number) for number in range(count)]


def _slate(reader: Reader, bucket: int, item_ids: np.ndarray, at: datetime) -> SlateRow:
    items, count = item_ids.tolist(), len(item_ids)
    return SlateRow(
        id=make_uuid7(at),
        visit_id=make_uuid7(at),
        reader_public_id=reader.public_id,
        reader_bucket=bucket,
        served_at=at,
        known_until=at,
        surface=Surface.HOME,
        first_position=0,
        policy="made up",
        policy_parameters={},
        policy_version="1",
        items=items,
        sources=["popular"],
        slot_sources=[1] * count,
        source_scores=[None] * count,
        source_ranks=list(range(count)),
        scores=[None] * count,
        greedy_items=items,
        propensities=[1.0] * count,
        branches=[SlateRow.Branch.GREEDY] * count,
        removed={},
        detail_share=0.0,
    )
