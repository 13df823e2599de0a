"""A small release on the shelf, and the rows of its world in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from catalog.models import Author, Item, ItemTopic, Reader, Topic
from feedback.kinds import Kind
from recsite.releases.live import Serving
from tests.factories import make_interaction
from tests.recsite.funnel.world import FIRST_ITEM, small_funnel
from tests.retrieval.worlds import EVEN_TOPIC, ODD_TOPIC, START, UNTIL, catalogue

RELEASE = 7
NOW = UNTIL + timedelta(minutes=1)


@dataclass
class FakeShelf:
    """What `recsite.releases.live.shelf` is for serving. kept: releases that are loaded beside the live one."""

    live: Serving | None = None
    before: Serving | None = None
    kept: Sequence[Serving] = ()
    trouble: str = ""
    watched: int = field(default=0)
    previous_needed: int = 0

    def current(self) -> Serving | None:
        return self.live

    def previous(self) -> Serving | None:
        return self.before

    def of_release(self, release_id: int) -> Serving | None:
        loaded = [each for each in (self.live, self.before, *self.kept) if each is not None]
        return next((each for each in loaded if each.release_id == release_id), None)

    def refresh(self, *, now: datetime) -> bool:
        return False

    def ensure_watching(self) -> None:
        self.watched += 1

    def need_previous(self) -> None:
        self.previous_needed += 1


def put_live(monkeypatch: pytest.MonkeyPatch, shelf: FakeShelf | None = None) -> FakeShelf:
    """By default the small release, number `RELEASE`."""
    shelf = shelf or FakeShelf(small_serving())
    for user in (
        "recsite.serving.shelf",
        "recsite.management.commands.recommend.shelf",
        "recsite.staff.loaded_releases.shelf",
    ):
        monkeypatch.setattr(user, lambda: shelf)
    return shelf


def small_serving(release_id: int = RELEASE) -> Serving:
    return Serving(release_id, small_funnel())


def make_world() -> dict[int, Item]:
    """The items of `tests.retrieval.worlds.catalogue` as rows, by their ids."""
    Topic.objects.bulk_create(
        [Topic(pk=EVEN_TOPIC, name="Even", slug="even"), Topic(pk=ODD_TOPIC, name="Odd", slug="odd")]
    )
    Author.objects.bulk_create([Author(pk=key, name=f"Author {key}", slug=f"author-{key}") for key in range(3)])
    rows = catalogue().to_pylist()
    items = [
        Item(
            pk=row["item_id"],
            external_id=f"world-{row['item_id']}",
            slug=f"number-{row['item_id']}",
            title=row["title"],
            summary=row["summary"],
            language=row["language"],
            author_id=row["author"],
            published_at=row["published_at"],
            created_at=START,
            updated_at=START,
        )
        for row in rows
    ]
    Item.objects.bulk_create(items)
    ItemTopic.objects.bulk_create(
        [ItemTopic(item_id=row["item_id"], topic_id=topic) for row in rows for topic in row["topics"]]
    )
    return {item.pk: item for item in items}


def make_lover(parity: int, items: dict[int, Item], *, length: int = 4) -> Reader:
    """Somebody who opened the first items of a parity, an hour apart."""
    reader = Reader.objects.create(created_at=START)
    for place in range(length):
        item = items[FIRST_ITEM + parity + 2 * place]
        make_interaction(reader, Kind.CLICK, item, happened_at=UNTIL - timedelta(hours=length - place))
    return reader
