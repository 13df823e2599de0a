"""A request becomes a slate: sources name candidates, filters remove some, the rest is ordered and cut.

Until there are models the order is a fixed mix of three sources. Retrieval and ranking take over inside `serve_home`;
its callers stay as they are. What is served is recorded by `recsite.slate_log`.
"""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, zip_longest
from typing import Any

from django.core.cache import cache
from django.db.models import QuerySet
from redis.exceptions import RedisError

from catalog.models import Item, ItemTopic, Reader
from feedback.kinds import Kind
from feedback.models import Interaction
from feedback.models import Slate as SlateRow
from feedback.popularity import popular_items
from feedback.slates import Named
from feedback.surfaces import Surface
from recsite.metrics import CACHE_FAILURES

logger = logging.getLogger(__name__)

CANDIDATES_PER_SOURCE = 400
POPULARITY_KEY = "popularity"
POPULARITY_KEPT_S = 180
"""Three rounds of the job that refreshes it: one late round changes nothing."""

MIX = ("followed", "popular", "fresh", "followed", "fresh")
"""Which source fills the next slot, in turn; a source that has run dry passes."""
IMPERSONAL_MIX = ("popular", "fresh")

NO_RELEASE = "no release"
"""Why rules, not models, ordered a slate."""


@dataclass(frozen=True)
class Policy:
    """How a slate was ordered. version: of the code, raised by whoever changes what it does."""

    name: str
    version: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    fallback: str | None = None


@dataclass(frozen=True)
class SlateEntry:
    """One item of a slate, at one position of the visit (from 0), and the source that won it the place.

    named_by: every source that named it. token: signed, for reports on this place; empty where it was not recorded.
    """

    item_id: int
    position: int
    source: str
    named_by: tuple[Named, ...] = ()
    branch: int = SlateRow.Branch.FALLBACK
    token: str = ""


@dataclass(frozen=True)
class Slate:
    """`is_end`: no candidate is left for a next page of this visit.

    candidates: everything that could have been shown, in its order, with the sources that named it. removed: what
    filters took out, as (item id, reason). counts_as_of: the counts that sources went by. id, visit_id: None until
    recorded.
    """

    entries: tuple[SlateEntry, ...]
    is_end: bool
    surface: Surface = Surface.HOME
    policy: Policy = Policy("mix", "1", {"mix": MIX}, NO_RELEASE)
    candidates: tuple[tuple[int, frozenset[str]], ...] = ()
    removed: tuple[tuple[int, str], ...] = ()
    counts_as_of: datetime | None = None
    id: uuid.UUID | None = None
    visit_id: uuid.UUID | None = None

    def removed_counts(self) -> dict[str, int]:
        return dict(Counter(reason for _, reason in self.removed))


@dataclass(frozen=True)
class ReaderState:
    """What serving knows of a reader. The empty state is a reader whom nobody knows.

    languages: codes of the catalogue to keep; empty keeps all. consumed: item ids that the reader has opened.
    dismissed, already_seen: item ids; hidden_*: what the reader wants to see no items of.
    personalised: False orders by what everybody does alone; what the reader hid stays hidden.
    """

    languages: frozenset[str] = frozenset()
    followed_topic_ids: frozenset[int] = frozenset()
    followed_author_ids: frozenset[int] = frozenset()
    consumed: frozenset[int] = frozenset()
    dismissed: frozenset[int] = frozenset()
    already_seen: frozenset[int] = frozenset()
    hidden_topic_ids: frozenset[int] = frozenset()
    hidden_author_ids: frozenset[int] = frozenset()
    personalised: bool = True

    @property
    def rejected(self) -> frozenset[int]:
        """Items that the reader does not want recommended again."""
        return self.dismissed | self.already_seen


def read_state(*, reader: Reader | None, languages: frozenset[str], personalised: bool = True) -> ReaderState:
    """The state of `reader` (None: no row yet), who wants to read these languages."""
    if reader is None or not personalised:
        return replace(read_refusals(reader=reader), languages=languages, personalised=personalised)
    done = _standing(reader, (*_REFUSALS, Kind.CLICK))
    return ReaderState(
        languages=languages,
        followed_topic_ids=frozenset(reader.followed_topics.values_list("pk", flat=True)),
        followed_author_ids=frozenset(reader.followed_authors.values_list("pk", flat=True)),
        consumed=done[Kind.CLICK],
        **_refused(done),
    )


def read_refusals(*, reader: Reader | None) -> ReaderState:
    """What `reader` wants to see no more of, and nothing else: for surfaces whose order is the same for everybody."""
    return ReaderState() if reader is None else ReaderState(**_refused(_standing(reader, _REFUSALS)))


_REFUSALS = (Kind.DISMISS, Kind.ALREADY_SEEN, Kind.HIDE_TOPIC, Kind.HIDE_AUTHOR)


def _refused(done: Mapping[Kind, frozenset[int]]) -> dict[str, Any]:
    return {
        "dismissed": done[Kind.DISMISS],
        "already_seen": done[Kind.ALREADY_SEEN],
        "hidden_topic_ids": done[Kind.HIDE_TOPIC],
        "hidden_author_ids": done[Kind.HIDE_AUTHOR],
    }


def _standing(reader: Reader, kinds: Sequence[Kind]) -> dict[Kind, frozenset[int]]:
    """Ids of items, topics and authors of which one of these kinds stands, by kind, in one query."""
    rows = (
        Interaction.objects.standing()
        .filter(reader=reader, kind__in=kinds)
        .values_list("kind", "item_id", "topic_id", "author_id")
    )
    found: dict[Kind, set[int]] = {kind: set() for kind in kinds}
    for kind, item_id, topic_id, author_id in rows:
        found[Kind(kind)].add(item_id or topic_id or author_id)
    return {kind: frozenset(ids) for kind, ids in found.items()}


def with_topics(state: ReaderState, topic_ids: frozenset[int]) -> ReaderState:
    """The state of somebody who also follows these topics."""
    return replace(state, followed_topic_ids=topic_ids)


def serve_home(*, state: ReaderState, shown: tuple[int, ...], now: datetime, limit: int) -> Slate:
    """The next `limit` items of the home feed, none of them consumed or among `shown` (item ids, in the order
    shown)."""
    popular, counts_as_of = _popular(state, now)
    sources = {"followed": _followed(state, now), "popular": popular, "fresh": _fresh(state, now)}
    named = _named(sources)
    reasons = _reasons_to_remove(state, shown, named)
    mix = MIX if state.personalised else IMPERSONAL_MIX
    ordered = list(_interleave(sources, mix, without=reasons))
    entries = tuple(
        SlateEntry(item_id, len(shown) + index, source, named[item_id])
        for index, (item_id, source) in enumerate(ordered[:limit])
    )
    return Slate(
        entries,
        is_end=len(ordered) <= limit,
        surface=Surface.HOME,
        policy=Policy("mix", "1", {"mix": mix}, NO_RELEASE),
        candidates=tuple((item_id, frozenset(one.source for one in named[item_id])) for item_id, _ in ordered),
        removed=tuple(reasons.items()),
        counts_as_of=counts_as_of,
    )


def serve_similar(*, item: Item, state: ReaderState, now: datetime, limit: int) -> Slate:
    """Items that share the most topics with `item`, then its author; in its language, newest first among equals.

    state: of `read_refusals`; what the reader has opened may be shown again.
    """
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
    # Sorting is stable, so among equals the newest stays first.
    ordered = sorted(shared, key=lambda item_id: shared[item_id], reverse=True)
    source = "shared topics"
    named = {item_id: (Named(source, float(shared[item_id][0]), rank),) for rank, item_id in enumerate(ordered)}
    reasons = _reasons_to_remove(state, (), named)
    kept = [item_id for item_id in ordered if item_id not in reasons]
    return Slate(
        tuple(SlateEntry(item_id, index, source, named[item_id]) for index, item_id in enumerate(kept[:limit])),
        is_end=True,
        surface=Surface.SIMILAR,
        policy=Policy("shared topics", "1", {"item": item.pk}, NO_RELEASE),
        candidates=tuple((item_id, frozenset([source])) for item_id in kept),
        removed=tuple(reasons.items()),
    )


def listed(
    item_ids: Sequence[int], *, surface: Surface, policy: Policy, first_position: int, is_end: bool = True
) -> Slate:
    """The slate of a plain list, such as a topic's newest or what a search found: nothing was left to chance."""
    entries = tuple(
        SlateEntry(
            item_id,
            first_position + index,
            policy.name,
            (Named(policy.name, None, first_position + index),),
            SlateRow.Branch.GREEDY,
        )
        for index, item_id in enumerate(item_ids)
    )
    candidates = tuple((item_id, frozenset([policy.name])) for item_id in item_ids)
    return Slate(entries, is_end, surface, policy, candidates)


def refresh_popularity(*, now: datetime) -> list[tuple[int, float]]:
    """Recount what is popular and keep it for the web processes. Returns (item id, score), most popular first."""
    counted = popular_items(now=now, limit=CANDIDATES_PER_SOURCE)
    try:
        cache.set(POPULARITY_KEY, (now, counted), timeout=POPULARITY_KEPT_S)
    except RedisError as error:
        _count_cache_failure(error)
    return counted


def _popularity(now: datetime) -> tuple[datetime, list[tuple[int, float]]]:
    """What is popular, and when that was counted."""
    try:
        kept: tuple[datetime, list[tuple[int, float]]] | None = cache.get(POPULARITY_KEY)
    except RedisError as error:
        _count_cache_failure(error)
        return now, popular_items(now=now, limit=CANDIDATES_PER_SOURCE)
    return kept if kept is not None else (now, refresh_popularity(now=now))


def _count_cache_failure(error: RedisError) -> None:
    CACHE_FAILURES.labels("popularity").inc()
    logger.warning("popularity is not cached: Redis does not answer", extra={"reason": str(error)})


Scored = list[tuple[int, float | None]]
"""Item ids in a source's order, with its score where it has one."""


def _newest(state: ReaderState, now: datetime) -> QuerySet[Item, Item]:
    published = Item.objects.published(now).newest_first()
    return published.filter(language__in=state.languages) if state.languages else published


def _fresh(state: ReaderState, now: datetime) -> Scored:
    return [(item_id, None) for item_id in _newest(state, now).values_list("pk", flat=True)[:CANDIDATES_PER_SOURCE]]


def _followed(state: ReaderState, now: datetime) -> Scored:
    """The newest of followed authors and topics, by turns; one authors' flood does not hide the topics."""
    by_author = _newest(state, now).filter(author__in=state.followed_author_ids)
    by_topic = _newest(state, now).filter(
        pk__in=ItemTopic.objects.filter(topic__in=state.followed_topic_ids).values("item")
    )
    half = CANDIDATES_PER_SOURCE // 2
    author_ids = list(by_author.values_list("pk", flat=True)[:half]) if state.followed_author_ids else []
    topic_ids = list(by_topic.values_list("pk", flat=True)[:half]) if state.followed_topic_ids else []
    pairs = zip_longest(author_ids, topic_ids)
    return [(item_id, None) for item_id in dict.fromkeys(chain.from_iterable(pairs)) if item_id is not None]


def _popular(state: ReaderState, now: datetime) -> tuple[Scored, datetime]:
    """What is popular and may be shown now: the count is up to a few minutes old, hiding an item is not."""
    counted_at, counted = _popularity(now)
    shown = set(_newest(state, now).filter(pk__in=[item_id for item_id, _ in counted]).values_list("pk", flat=True))
    return [(item_id, score) for item_id, score in counted if item_id in shown], counted_at


def _named(sources: Mapping[str, Scored]) -> dict[int, tuple[Named, ...]]:
    """Every candidate with every source that named it."""
    found: dict[int, list[Named]] = {}
    for source, scored in sources.items():
        for rank, (item_id, score) in enumerate(scored):
            found.setdefault(item_id, []).append(Named(source, score, rank))
    return {item_id: tuple(named) for item_id, named in found.items()}


def _reasons_to_remove(state: ReaderState, shown: Iterable[int], named: Iterable[int]) -> dict[int, str]:
    """Why a candidate is not shown, for those that are not; the first reason that holds."""
    candidates = set(named)
    reasons: dict[int, str] = {}
    for reason, item_ids in (
        ("shown", shown),
        ("dismissed", state.dismissed),
        ("already_seen", state.already_seen),
        ("consumed", state.consumed),
        ("hidden_topic", _of_topics(candidates, state.hidden_topic_ids)),
        ("hidden_author", _of_authors(candidates, state.hidden_author_ids)),
    ):
        for item_id in candidates.intersection(item_ids):
            reasons.setdefault(item_id, reason)
    return reasons


def _of_topics(candidates: set[int], topic_ids: frozenset[int]) -> Iterable[int]:
    if not topic_ids:
        return ()
    return ItemTopic.objects.filter(item__in=candidates, topic__in=topic_ids).values_list("item_id", flat=True)


def _of_authors(candidates: set[int], author_ids: frozenset[int]) -> Iterable[int]:
    if not author_ids:
        return ()
    return Item.objects.filter(pk__in=candidates, author__in=author_ids).values_list("pk", flat=True)


def _interleave(
    sources: Mapping[str, Scored], mix: tuple[str, ...], *, without: Iterable[int]
) -> Iterator[tuple[int, str]]:
    """Take turns by the mix, each item once, under the source that named it first."""
    waiting = {name: iter(sources[name]) for name in dict.fromkeys(mix)}
    seen = set(without)
    while waiting:
        for name in mix:
            if name not in waiting:
                continue
            item_id = next((candidate for candidate, _ in waiting[name] if candidate not in seen), None)
            if item_id is None:
                del waiting[name]
                continue
            seen.add(item_id)
            yield item_id, name
