"""A request becomes a slate: sources name candidates, filters remove some, the rest is ordered and cut.

Until there are models the order is a fixed mix of three sources. Retrieval and ranking take over inside
`serve_slate`; its
callers stay as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, zip_longest

from django.core.cache import cache
from django.db.models import QuerySet
from redis.exceptions import RedisError

from catalog.models import Item, ItemTopic, Reader
from feedback.interactions import clicked_item_ids
from feedback.popularity import popular_item_ids
from recsite.metrics import CACHE_FAILURES, SLATES

logger = logging.getLogger(__name__)

CANDIDATES_PER_SOURCE = 400
POPULARITY_KEY = "popular"
POPULARITY_KEPT_S = 180
"""Three rounds of the job that refreshes it: one late round changes nothing."""

MIX = ("followed", "popular", "fresh", "followed", "fresh")
"""Which source fills the next slot, in turn; a source that has run dry passes."""


@dataclass(frozen=True)
class SlateEntry:
    """One item of a slate, at one position of the visit (from 0), and the source that won it the place."""

    item_id: int
    position: int
    source: str


@dataclass(frozen=True)
class Slate:
    """`is_end`: no candidate is left for a next page of this visit."""

    entries: tuple[SlateEntry, ...]
    is_end: bool


@dataclass(frozen=True)
class ReaderState:
    """What serving knows of a reader. The empty state is a reader whom nobody knows.

    languages: codes of the catalogue to keep; empty keeps all. consumed: item ids that the reader has opened.
    """

    languages: frozenset[str] = frozenset()
    followed_topic_ids: frozenset[int] = frozenset()
    followed_author_ids: frozenset[int] = frozenset()
    consumed: frozenset[int] = frozenset()


def read_state(*, reader: Reader | None, languages: frozenset[str]) -> ReaderState:
    """The state of `reader` (None: no row yet), who wants to read these languages."""
    if reader is None:
        return ReaderState(languages=languages)
    return ReaderState(
        languages=languages,
        followed_topic_ids=frozenset(reader.followed_topics.values_list("pk", flat=True)),
        followed_author_ids=frozenset(reader.followed_authors.values_list("pk", flat=True)),
        consumed=frozenset(clicked_item_ids(reader=reader)),
    )


def with_topics(state: ReaderState, topic_ids: frozenset[int]) -> ReaderState:
    """The state of somebody who also follows these topics."""
    return replace(state, followed_topic_ids=topic_ids)


def serve_slate(*, state: ReaderState, shown: tuple[int, ...], now: datetime, limit: int) -> Slate:
    """The next `limit` items of the home feed, none of them consumed or among `shown` (item ids, in the order
    shown)."""
    removed = set(shown) | state.consumed
    sources = {
        "followed": _followed(state, now),
        "popular": _popular(state, now),
        "fresh": _fresh(state, now),
    }
    ordered = _interleave(sources, removed)
    entries = [
        SlateEntry(item_id, len(shown) + index, source)
        for index, (item_id, source) in zip(range(limit + 1), ordered, strict=False)
    ]
    SLATES.labels("home").inc()
    return Slate(tuple(entries[:limit]), is_end=len(entries) <= limit)


def similar_items(*, item: Item, now: datetime, limit: int) -> list[int]:
    """Items that share the most topics with `item`, then its author; in its language, newest first among equals."""
    topic_ids = [topic.pk for topic in item.topics.all()]
    neighbours = (
        Item.objects.published(now)
        .filter(language=item.language, topics__in=topic_ids)
        .exclude(pk=item.pk)
        .newest_first()
        .values_list("pk", "author_id")[: 20 * limit]
    )
    shared: dict[int, tuple[int, bool]] = {}
    for item_id, author_id in neighbours:
        count, _ = shared.get(item_id, (0, False))
        shared[item_id] = (count + 1, author_id is not None and author_id == item.author_id)
    SLATES.labels("similar").inc()
    # Sorting is stable, so among equals the newest stays first.
    return sorted(shared, key=lambda item_id: shared[item_id], reverse=True)[:limit]


def refresh_popularity(*, now: datetime) -> list[int]:
    """Recount what is popular and keep it for the web processes."""
    item_ids = popular_item_ids(now=now, limit=CANDIDATES_PER_SOURCE)
    try:
        cache.set(POPULARITY_KEY, item_ids, timeout=POPULARITY_KEPT_S)
    except RedisError as error:
        _count_cache_failure(error)
    return item_ids


def _popular_item_ids(now: datetime) -> list[int]:
    try:
        kept = cache.get(POPULARITY_KEY)
    except RedisError as error:
        _count_cache_failure(error)
        return popular_item_ids(now=now, limit=CANDIDATES_PER_SOURCE)
    return kept if kept is not None else refresh_popularity(now=now)


def _count_cache_failure(error: RedisError) -> None:
    CACHE_FAILURES.labels("popularity").inc()
    logger.warning("popularity is not cached: Redis does not answer", extra={"reason": str(error)})


def _newest(state: ReaderState, now: datetime) -> QuerySet[Item, Item]:
    published = Item.objects.published(now).newest_first()
    return published.filter(language__in=state.languages) if state.languages else published


def _fresh(state: ReaderState, now: datetime) -> list[int]:
    return list(_newest(state, now).values_list("pk", flat=True)[:CANDIDATES_PER_SOURCE])


def _followed(state: ReaderState, now: datetime) -> list[int]:
    """The newest of followed authors and topics, by turns; one authors' flood does not hide the topics."""
    by_author = _newest(state, now).filter(author__in=state.followed_author_ids)
    by_topic = _newest(state, now).filter(
        pk__in=ItemTopic.objects.filter(topic__in=state.followed_topic_ids).values("item")
    )
    half = CANDIDATES_PER_SOURCE // 2
    author_ids = list(by_author.values_list("pk", flat=True)[:half]) if state.followed_author_ids else []
    topic_ids = list(by_topic.values_list("pk", flat=True)[:half]) if state.followed_topic_ids else []
    pairs = zip_longest(author_ids, topic_ids)
    return [item_id for item_id in dict.fromkeys(chain.from_iterable(pairs)) if item_id is not None]


def _popular(state: ReaderState, now: datetime) -> list[int]:
    """What is popular and may be shown now: the count is up to a few minutes old, hiding an item is not."""
    item_ids = _popular_item_ids(now)
    shown = set(_newest(state, now).filter(pk__in=item_ids).values_list("pk", flat=True))
    return [item_id for item_id in item_ids if item_id in shown]


def _interleave(sources: dict[str, list[int]], removed: set[int]) -> Iterator[tuple[int, str]]:
    """Take turns by MIX, each item once, under the source that named it first."""
    waiting = {name: iter(item_ids) for name, item_ids in sources.items()}
    seen = set(removed)
    while waiting:
        for name in MIX:
            if name not in waiting:
                continue
            item_id = next((candidate for candidate in waiting[name] if candidate not in seen), None)
            if item_id is None:
                del waiting[name]
                continue
            seen.add(item_id)
            yield item_id, name
