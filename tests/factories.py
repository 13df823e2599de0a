"""Small rows for tests: each call makes one, with sensible values for what the test does not care about."""

from __future__ import annotations

import itertools
import struct
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.text import slugify

from catalog.models import Author, Item, Reader, Topic
from feedback.buckets import reader_bucket
from feedback.models import Interaction, Slate, SlateDetail, View
from feedback.surfaces import Surface
from feedback.uuid7 import make_uuid7

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)


def make_topic(name: str) -> Topic:
    return Topic.objects.get_or_create(slug=slugify(name, allow_unicode=True), defaults={"name": name})[0]


def make_author(name: str) -> Author:
    return Author.objects.get_or_create(slug=slugify(name, allow_unicode=True), defaults={"name": name})[0]


def make_item(
    title: str = "", *, topics: Iterable[str] = (), author: str = "", age_days: float = 1, **fields: Any
) -> Item:
    number = next(_numbers)
    item = Item.objects.create(
        title=title or f"A walk by the river, part {number}",
        slug=f"{slugify(title, allow_unicode=True)[:60] or 'item'}-{number}",
        external_id=str(number),
        author=make_author(author) if author else None,
        published_at=fields.pop("published_at", NOW - timedelta(days=age_days)),
        created_at=NOW,
        updated_at=NOW,
        **fields,
    )
    for name in topics:
        item.topics.add(make_topic(name))
    return item


def make_reader(**fields: Any) -> Reader:
    return Reader.objects.create(created_at=NOW, **fields)


def make_visit_id(begun_at: datetime = NOW) -> uuid.UUID:
    return make_uuid7(begun_at)


def make_slate(
    items: Sequence[Item | int],
    *,
    reader: Reader | None = None,
    served_at: datetime = NOW,
    visit_id: uuid.UUID | None = None,
    surface: str = Surface.HOME,
    first_position: int = 0,
    branches: Sequence[int] | None = None,
    features: Sequence[Sequence[float]] | None = None,
    feature_set: str | None = None,
    **fields: Any,
) -> Slate:
    """One slate of `items`, served greedily by release 1. With features (a list a slot) it gets a detail row too."""
    item_ids = [item if isinstance(item, int) else item.pk for item in items]
    public_id = fields.pop("reader_public_id", None) or (reader.public_id if reader else uuid.uuid4())
    slots = len(item_ids)
    values: dict[str, Any] = {
        "id": make_uuid7(served_at),
        "visit_id": visit_id or make_visit_id(served_at),
        "reader_public_id": public_id,
        "reader_bucket": reader_bucket(public_id),
        "served_at": served_at,
        "known_until": served_at - timedelta(minutes=1),
        "surface": surface,
        "first_position": first_position,
        "release": 1,
        "policy": "greedy",
        "policy_parameters": {},
        "policy_version": "1",
        "items": item_ids,
        "sources": ["popular"],
        "slot_sources": [1] * slots,
        "source_scores": [1.0 - place / 100 for place in range(slots)],
        "source_ranks": list(range(slots)),
        "scores": [1.0 - place / 100 for place in range(slots)],
        "greedy_items": item_ids,
        "propensities": [1.0] * slots,
        "branches": list(branches or [Slate.Branch.GREEDY] * slots),
        "removed": {},
        "detail_share": 1.0,
    }
    slate = Slate.objects.create(**values | fields)
    if features is not None:
        packed = b"".join(struct.pack(f"<{len(row)}f", *row) for row in features)
        SlateDetail.objects.create(slate_id=slate.id, feature_set=feature_set or "test-1", features=packed)
    return slate


def make_view(slate: Slate, slot: int, *, after_s: float = 2, received_at: datetime | None = None) -> View:
    """The browser saw slot `slot` (from 0 within the slate) `after_s` seconds after serving."""
    viewed_at = slate.served_at + timedelta(seconds=after_s)
    return View.objects.create(
        slate_id=slate.id,
        position=slate.first_position + slot,
        item_id=slate.items[slot],
        viewed_at=viewed_at,
        received_at=received_at or viewed_at,
    )


def make_interaction(
    reader: Reader,
    kind: str,
    item: Item | int | None = None,
    *,
    slate: Slate | None = None,
    happened_at: datetime = NOW,
    **fields: Any,
) -> Interaction:
    """What `reader` did, known to the site at once. With a slate it is of that slate, its visit and the item's slot."""
    item_id: int | None = item.pk if isinstance(item, Item) else item
    values: dict[str, Any] = {
        "reader": reader,
        "reader_bucket": reader_bucket(reader.public_id),
        "kind": kind,
        "item_id": item_id,
        "happened_at": happened_at,
        "received_at": happened_at,
    }
    if slate is not None:
        values |= {
            "reader_bucket": slate.reader_bucket,
            "surface": slate.surface,
            "slate_id": slate.id,
            "position": slate.first_position + slate.items.index(item_id) if item_id else slate.first_position,
            "visit_id": slate.visit_id,
            "excluded": slate.excluded,
        }
    if fields.get("undone_at") is not None:
        fields.setdefault("undo_received_at", fields["undone_at"])
    return Interaction.objects.create(**values | fields)
