"""Made-up reports of readers, as a browser sends them, and the same as rows for a bare COPY.

A batch is what one reader saw and did on one slate of 24 cards: 17 views, and a click with its reading time and one
opinion. So 85% of events are views.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from catalog.models import Item, Reader
from feedback.buckets import reader_bucket
from feedback.event_forms import Sender
from feedback.surfaces import Surface
from feedback.tokens import Token, reader_tag, write_tokens
from feedback.uuid7 import make_uuid7

CARDS = 24
VIEWS = 17
EVENTS_A_BATCH = 20
NUM_ITEMS = 5_000
NUM_READERS = 2_000

VIEW_COLUMNS = ("slate_id", "position", "item_id", "viewed_at", "received_at")
INTERACTION_COLUMNS = (
    *("reader_id", "reader_bucket", "kind", "item_id", "dwell_ms", "happened_at", "received_at", "event_id", "surface"),
    *("slate_id", "position", "visit_id"),
)
_OPINIONS = ("like", "like", "save", "dismiss", "outbound")


@dataclass(frozen=True)
class Batch:
    """events: JSON values.  views, interactions: the same as lines of PostgreSQL's text format."""

    reader: Reader
    events: list[dict[str, Any]]
    views: bytes
    interactions: bytes

    def sender(self) -> Sender:
        return Sender(reader=lambda: self.reader, public_ids=lambda: [self.reader.public_id], may_omit_token=False)


def make_people_and_items(now: datetime) -> tuple[list[Reader], list[int]]:
    """Readers and ids of items that events can be about. Called twice it makes them once."""
    if not Item.objects.exists():
        Item.objects.bulk_create(
            Item(
                external_id=str(number),
                slug=f"item-{number}",
                title=f"A walk by the river, part {number}",
                published_at=now - timedelta(hours=number),
                created_at=now,
                updated_at=now,
            )
            for number in range(NUM_ITEMS)
        )
        Reader.objects.bulk_create(
            Reader(external_id=f"reader-{number}", created_at=now) for number in range(NUM_READERS)
        )
    return list(Reader.objects.order_by("pk")), list(Item.objects.order_by("pk").values_list("pk", flat=True))


def made_up_batches(
    seed: int, count: int, *, readers: list[Reader], item_ids: list[int], now: datetime
) -> Iterator[Batch]:
    """Batches of new slates. The same seed chooses the same readers, items and acts; ids are new each time."""
    rng = random.Random(seed)
    for _ in range(count):
        reader = rng.choice(readers)
        yield _batch(reader, rng.sample(item_ids, CARDS), rng, now)


def _batch(reader: Reader, items: list[int], rng: random.Random, now: datetime) -> Batch:
    age = timedelta(milliseconds=rng.randrange(1_000, 60_000))
    slate, visit = make_uuid7(now - age - timedelta(minutes=1)), make_uuid7(now - timedelta(minutes=5))
    chosen = rng.sample(range(VIEWS), 2)
    acts: list[tuple[str, int, int | None]] = [
        *(("view", position, None) for position in range(VIEWS)),
        ("click", chosen[0], None),
        ("dwell", chosen[0], rng.randrange(1_000, 300_000)),
        (rng.choice(_OPINIONS), chosen[1], None),
    ]
    bucket, tag = reader_bucket(reader.public_id), reader_tag(reader.public_id)
    tokens = write_tokens(
        Token(slate, visit, position, items[position], Surface.HOME, bucket, tag) for _, position, _ in acts
    )
    events: list[dict[str, Any]] = []
    views, interactions = [], []
    happened, received = (now - age).isoformat(), now.isoformat()
    for (kind, position, value), token in zip(acts, tokens, strict=True):
        event_id = str(uuid.uuid4())
        event = {"id": event_id, "kind": kind, "token": token, "age_ms": age // timedelta(milliseconds=1)}
        events.append(event if value is None else event | {"value": value})
        if kind == "view":
            views.append(_line(slate, position, items[position], happened, received))
        else:
            about = (reader.pk, bucket, kind, items[position], value, happened, received, event_id)
            interactions.append(_line(*about, "home", slate, position, visit))
    return Batch(reader, events, b"".join(views), b"".join(interactions))


def _line(*values: object) -> bytes:
    """No value here holds a tab, a line break or a backslash, so none needs escaping."""
    return ("\t".join("\\N" if value is None else str(value) for value in values) + "\n").encode()
