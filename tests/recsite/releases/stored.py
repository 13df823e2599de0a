"""The small release of `tests.recsite.funnel.world`, with its items in the database and its files in a store."""

from __future__ import annotations

import functools
import hashlib
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from catalog.models import Item, ItemTopic, Topic
from ranking.artefact import RankerArtefact
from ranking.artefact import save as save_ranker
from recsite.models import Release
from recsite.releases.store import ArtefactStore
from retrieval.stage import save_stage
from tests.recsite.funnel.world import small_fitted
from tests.recsite.releases.rows import make_candidate
from tests.retrieval.worlds import START, UNTIL, catalogue

AT = UNTIL + timedelta(hours=1)
"""When it is served."""

RETRIEVER = "retriever-small"


def make_items() -> None:
    """Rows of the world's items, with its ids."""
    content = catalogue().to_pylist()
    Topic.objects.bulk_create(
        Topic(pk=topic, name=str(topic), slug=str(topic)) for topic in sorted({row["topics"][0] for row in content})
    )
    Item.objects.bulk_create(
        _item(row["item_id"], title=row["title"], summary=row["summary"], published_at=row["published_at"])
        for row in content
    )
    ItemTopic.objects.bulk_create(ItemTopic(item_id=row["item_id"], topic_id=row["topics"][0]) for row in content)
    with connection.cursor() as cursor:  # ids were given: those to come must not meet them
        cursor.execute("SELECT setval(pg_get_serial_sequence('catalog_item', 'id'), 10000)")


def add_item(item_id: int, *, topic: int | None = None, at: datetime = START, **fields: Any) -> Item:
    """One more, published and changed last at `at`."""
    item = _item(item_id, **{"published_at": at, "created_at": at, "updated_at": at} | fields)
    item.save()
    if topic is not None:
        item.topics.add(topic)
    return item


def _item(item_id: int, **fields: Any) -> Item:
    values = {"title": f"Number {item_id}", "published_at": START, "created_at": START, "updated_at": START}
    return Item(pk=item_id, slug=f"number-{item_id}", external_id=str(item_id), **values | fields)


def stored_release(files: ArtefactStore, ranker: RankerArtefact, *, now: datetime = UNTIL, **fields: Any) -> Release:
    """A candidate with a ranker of its own; the retriever is shared by all."""
    name = f"ranker-{Release.objects.count() + 1}"
    ranker_sha256 = files.put(_saved_ranker(ranker), name)
    if RETRIEVER not in files.names():
        files.put(_saved_stage(), RETRIEVER)
    values = {
        "retriever": RETRIEVER,
        "retriever_sha256": _manifest_sha256(),
        "ranker": name,
        "ranker_sha256": ranker_sha256,
        "retriever_since": START,
        "retriever_until": UNTIL,
    }
    return make_candidate(now=now, **values | fields)


@functools.cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="recsite-small-stage-")


@functools.cache
def _saved_ranker(ranker: RankerArtefact) -> Path:
    """Kept: making ONNX of trees takes longer than a test."""
    folder = Path(_scratch().name) / f"ranker-{id(ranker)}"
    save_ranker(ranker, folder)
    return folder


@functools.cache
def _saved_stage() -> Path:
    folder = Path(_scratch().name) / "stage"
    save_stage(small_fitted(), folder)
    return folder


def _manifest_sha256() -> str:
    return hashlib.sha256((_saved_stage() / "manifest.json").read_bytes()).hexdigest()
