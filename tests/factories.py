"""Small rows for tests: each call makes one, with sensible values for what the test does not care about."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.text import slugify

from catalog.models import Author, Item, Reader, Topic

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
