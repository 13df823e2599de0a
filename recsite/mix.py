"""The feed by rules: what is followed, popular and fresh, by turns. It serves where no release can, and those who
switched personalisation off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, zip_longest

from django.db.models import QuerySet

from catalog.models import Item, ItemTopic
from feedback.models import Slate as SlateRow
from feedback.slates import Candidates, Named
from feedback.surfaces import Surface
from ranking.reasons import Reason, Why
from recsite.filters import reasons_to_remove
from recsite.pins import PINNED, Pinned
from recsite.popularity import popularity
from recsite.reader_state import ReaderState
from recsite.slates import Policy, Slate, SlateEntry

CANDIDATES_PER_SOURCE = 400

MIX = ("followed", "popular", "fresh", "followed", "fresh")
"""Which source fills the next slot, in turn; a source that has run dry passes."""
IMPERSONAL_MIX = ("popular", "fresh")

Scored = list[tuple[int, float | None]]
"""Item ids in a source's order, with its score where it has one."""


def serve_mix(
    *,
    state: ReaderState,
    shown: tuple[int, ...],
    now: datetime,
    limit: int,
    fallback: str,
    pinned: Sequence[Pinned] = (),
) -> Slate:
    """The next `limit` items, none of them consumed or among `shown` (item ids, in the order shown).

    fallback: why no release serves.  pinned: what staff pinned, and holds now.
    """
    popular, counts_as_of = _popular(state, now)
    sources = {"followed": _followed(state, now), "popular": popular, "fresh": _fresh(state, now)}
    mix = MIX if state.personalised else IMPERSONAL_MIX
    policy = Policy("mix", "1", {"mix": mix}, fallback)
    return _slate(
        sources,
        mix,
        policy,
        state=state,
        shown=shown,
        now=now,
        limit=limit,
        counts_as_of=counts_as_of,
        pinned=pinned,
    )


def serve_newest(*, state: ReaderState, shown: tuple[int, ...], now: datetime, limit: int, fallback: str) -> Slate:
    """The next `limit` items by date alone: what is left when nothing can be counted."""
    sources, policy = {"fresh": _fresh(state, now)}, Policy("newest", "1", {}, fallback)
    return _slate(sources, ("fresh",), policy, state=state, shown=shown, now=now, limit=limit)


def _slate(
    sources: Mapping[str, Scored],
    mix: tuple[str, ...],
    policy: Policy,
    *,
    state: ReaderState,
    shown: tuple[int, ...],
    now: datetime,
    limit: int,
    counts_as_of: datetime | None = None,
    pinned: Sequence[Pinned] = (),
) -> Slate:
    named = _named(sources)
    ahead = {pin.position: pin.item_id for pin in pinned if pin.position >= len(shown)}
    wanted = dict.fromkeys((*named, *ahead.values()))
    removed = reasons_to_remove(wanted, state=state, shown=shown, now=now)
    kept_out = state.known_items.union(removed)
    pins = {position: item_id for position, item_id in ahead.items() if item_id not in kept_out}
    ordered = list(_interleave(sources, mix, without=[*removed, *pins.values()]))
    entries = tuple(_entries(ordered, pins, named, first_position=len(shown), limit=limit))
    unpinned = [entry for entry in entries if entry.branch != SlateRow.Branch.PINNED]
    candidates = Candidates(
        item_ids=tuple(item_id for item_id, _ in ordered),
        scores=(None,) * len(ordered),
        named_by=tuple(frozenset(one.source for one in named[item_id]) for item_id, _ in ordered),
        removed=tuple(removed.items()),
    )
    is_end = len(ordered) <= len(unpinned)
    return Slate(entries, is_end, Surface.HOME, policy, candidates, counts_as_of=counts_as_of)


def _entries(
    ordered: Sequence[tuple[int, str]],
    pins: Mapping[int, int],
    named: Mapping[int, tuple[Named, ...]],
    *,
    first_position: int,
    limit: int,
) -> Iterator[SlateEntry]:
    """Pinned items at their positions, the others in their order; it ends where no other is left, also above a pin.

    ordered: item ids and the source that won each its place.  pins: item ids by position.
    """
    others = iter(ordered)
    for position in range(first_position, first_position + limit):
        if position in pins:
            yield _pinned(pins[position], position, named.get(pins[position], ()))
            continue
        following = next(others, None)
        if following is None:
            return
        item_id, source = following
        yield SlateEntry(item_id, position, source, named[item_id])


def _pinned(item_id: int, position: int, named_by: tuple[Named, ...]) -> SlateEntry:
    return SlateEntry(item_id, position, PINNED, named_by, branch=SlateRow.Branch.PINNED, reason=Reason(Why.PINNED))


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
    counted_at, counted = popularity(now)
    shown = set(_newest(state, now).filter(pk__in=[item_id for item_id, _ in counted]).values_list("pk", flat=True))
    return [(item_id, score) for item_id, score in counted if item_id in shown], counted_at


def _named(sources: Mapping[str, Scored]) -> dict[int, tuple[Named, ...]]:
    """Every candidate with every source that named it."""
    found: dict[int, list[Named]] = {}
    for source, scored in sources.items():
        for rank, (item_id, score) in enumerate(scored):
            found.setdefault(item_id, []).append(Named(source, score, rank))
    return {item_id: tuple(named) for item_id, named in found.items()}


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
