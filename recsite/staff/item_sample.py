"""What the last pages of the home feed say of one item: who was shown it, and how near it came for the others.

A sample, because the log has no index by item, and needs none: the last pages are found by their ids.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Any
from uuid import UUID

from django.db import connection

from catalog.languages import language_name
from feedback.uuid7 import first_uuid7

SLATES = 2_000
"""So many of the last home slates are asked who was shown an item ..."""
LOOKED_AT = 3 * SLATES
"""... among so many of any surface, so that a page never reads more, ..."""
DAYS = 30
"""... none of them older than this."""
DETAILS = 200
"""So many of the last of them whose candidates were kept are asked how near it came."""

ANY_LANGUAGE, NO_COUNTRY = "any language", "not told"

_LAST = """
    WITH lately AS MATERIALIZED (
        SELECT id, served_at, surface, excluded, reader_public_id, first_position, policy_parameters, items
        FROM feedback_slate WHERE id >= %(oldest)s AND id < %(newest)s ORDER BY id DESC LIMIT %(looked_at)s
    ), home AS (
        SELECT * FROM lately WHERE surface = 'home' AND excluded IS NULL ORDER BY id DESC LIMIT %(slates)s
    )
    SELECT home.id, home.served_at, home.first_position + array_position(home.items, %(item)s::bigint) - 1,
        coalesce(home.policy_parameters -> 'languages', to_jsonb(reader.languages)),
        coalesce(reader.country, ''),
        EXISTS (
            SELECT FROM catalog_reader_followed_topics AS followed
            WHERE followed.reader_id = reader.id AND followed.topic_id = ANY(%(topics)s::bigint[])
        ),
        EXISTS (
            SELECT FROM catalog_reader_followed_authors AS followed
            WHERE followed.reader_id = reader.id AND followed.author_id = %(author)s::bigint
        )
    FROM home LEFT JOIN catalog_reader AS reader ON reader.public_id = home.reader_public_id
    ORDER BY home.id DESC
"""
_NEARNESS = """
    SELECT detail.slate_id, array_position(detail.union_items, %(item)s::bigint) - 1,
        detail.removed_reasons[array_position(detail.removed_items, %(item)s::bigint)]
    FROM feedback_slatedetail AS detail
    WHERE detail.slate_id = ANY(%(slates)s::uuid[]) AND detail.slate_id >= %(oldest)s AND detail.slate_id < %(newest)s
        AND detail.union_items IS NOT NULL
    ORDER BY detail.slate_id DESC LIMIT %(details)s
"""


class Outcome(StrEnum):
    SHOWN = "shown"
    RANKED_LOW = "retrieved, but ranked too low"
    REMOVED = "retrieved, and removed by a filter"
    NOT_RETRIEVED = "not retrieved"


@dataclass(frozen=True)
class Group:
    """Readers who have something in common. kind: what it is.  slates: of the sample; showed: those with the item."""

    kind: str
    name: str
    slates: int
    showed: int

    @property
    def share(self) -> float:
        return self.showed / self.slates


@dataclass(frozen=True)
class Nearness:
    """What became of the item on pages whose candidates were kept. median_rank: from 0, where it was ranked at all and
    not shown.  reasons: of filters, by how often."""

    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    median_rank: float | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def slates(self) -> int:
        return sum(self.outcomes.values())

    def count(self, outcome: Outcome) -> int:
        return self.outcomes.get(outcome, 0)


@dataclass(frozen=True)
class Sample:
    """since: when the first of its slates was served.  examples: ids of the newest slates that showed the item."""

    slates: int = 0
    showed: int = 0
    since: datetime | None = None
    groups: Sequence[Group] = ()
    examples: Sequence[tuple[UUID, datetime, int]] = ()
    nearness: Nearness = field(default_factory=Nearness)


@dataclass(frozen=True)
class _Page:
    slate_id: UUID
    served_at: datetime
    position: int | None
    languages: Sequence[str] | None
    country: str
    follows_topic: bool
    follows_author: bool


def sample_of(item_id: int, *, topics: Sequence[int], author: int | None, now: datetime) -> Sample:
    """topics, author: the item's own, whose followers are told apart."""
    bounds: dict[str, Any] = {
        "item": item_id,
        "oldest": first_uuid7(now - timedelta(days=DAYS)),
        "newest": first_uuid7(now + timedelta(milliseconds=1)),
    }
    of_item: dict[str, Any] = {"topics": list(topics), "author": author, "looked_at": LOOKED_AT, "slates": SLATES}
    with connection.cursor() as cursor:
        cursor.execute(_LAST, bounds | of_item)
        pages = [_Page(*row) for row in _with_lists(cursor.fetchall())]
        if not pages:
            return Sample()
        cursor.execute(_NEARNESS, bounds | {"slates": [page.slate_id for page in pages], "details": DETAILS})
        details = cursor.fetchall()
    showed = [page for page in pages if page.position is not None]
    return Sample(
        slates=len(pages),
        showed=len(showed),
        since=pages[-1].served_at,
        groups=tuple(_groups(pages, has_topics=bool(topics), has_author=author is not None)),
        examples=tuple((page.slate_id, page.served_at, page.position or 0) for page in showed[:5]),
        nearness=_nearness(details, {page.slate_id for page in showed}),
    )


def _with_lists(rows: list[tuple]) -> Iterator[tuple]:
    """The languages come as JSON."""
    for slate_id, served_at, position, languages, *others in rows:
        yield slate_id, served_at, position, json.loads(languages) if isinstance(languages, str) else languages, *others


def _groups(pages: Sequence[_Page], *, has_topics: bool, has_author: bool) -> Iterator[Group]:
    """By kind, and within it the largest first."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    showed: dict[str, Counter[str]] = defaultdict(Counter)
    for page in pages:
        for kind, name in _belongs_to(page, has_topics, has_author):
            counts[kind][name] += 1
            showed[kind][name] += page.position is not None
    for kind, names in counts.items():
        for name, slates in sorted(names.items(), key=lambda pair: (-pair[1], pair[0])):
            yield Group(kind, name, slates, showed[kind][name])


def _belongs_to(page: _Page, has_topics: bool, has_author: bool) -> Iterator[tuple[str, str]]:
    for code in page.languages or ():
        yield "Reads", language_name(code)
    if not page.languages:
        yield "Reads", ANY_LANGUAGE
    yield "Country", page.country or NO_COUNTRY
    if has_topics:
        yield "Its topics", "follows one of them" if page.follows_topic else "follows none of them"
    if has_author:
        yield "Its author", "follows them" if page.follows_author else "does not follow them"


def _nearness(details: Sequence[tuple[UUID, int | None, str | None]], showed: set[UUID]) -> Nearness:
    outcomes: Counter[Outcome] = Counter()
    reasons: Counter[str] = Counter()
    ranks = []
    for slate_id, rank, reason in details:
        if slate_id in showed:
            outcomes[Outcome.SHOWN] += 1
        elif rank is not None:
            outcomes[Outcome.RANKED_LOW] += 1
            ranks.append(rank)
        elif reason is not None:
            outcomes[Outcome.REMOVED] += 1
            reasons[reason] += 1
        else:
            outcomes[Outcome.NOT_RETRIEVED] += 1
    return Nearness(outcomes, median(ranks) if ranks else None, dict(reasons.most_common()))
