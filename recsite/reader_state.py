"""What serving knows of a reader at the moment of a request, read from the log."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from catalog.models import Reader
from feedback.kinds import HISTORY_KINDS, Kind
from feedback.prepared import prepared_cursor
from feedback.surfaces import Excluded
from feedback.ties import scattered
from feedback.uuid7 import first_uuid7
from recsite.followed import read_followed
from recsite.funnel.query import HISTORY_LENGTH, FunnelQuery
from retrieval.query_state import QueryState

SEARCHES = 5
"""So many of the last searches are asked with, as in training."""

VIEWED_SLATES = 50
"""What was seen and not chosen is remembered over so many of the last slates ..."""
VIEWED_DAYS = 30
"""... none of them older than this, so that few of the log's partitions are looked at."""


@dataclass(frozen=True, eq=False)
class History:
    """What a reader did to items, the most recent last; parallel arrays.

    item_ids: (n,) int64.  happened_s: (n,) float64, seconds since 1970 UTC.
    """

    item_ids: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    kinds: tuple[str, ...] = ()
    happened_s: np.ndarray = field(default_factory=lambda: np.empty(0, np.float64))


@dataclass(frozen=True)
class Profile:
    """What a reader told of themselves, as the towers are asked with it. country: a code, or "" where not shared."""

    country: str = ""
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, eq=False)
class ReaderState:
    """What serving knows of a reader. The empty state is a reader whom nobody knows.

    languages: codes of the catalogue to keep; empty keeps all. consumed: item ids that the reader has opened.
    dismissed, already_seen: item ids; hidden_*: what the reader wants to see no items of.
    viewed: how often they saw an item without choosing it. first_seen_s: seconds since 1970 UTC, None for somebody new.
    personalised: False orders by what everybody does alone; what the reader hid stays hidden.
    """

    languages: frozenset[str] = frozenset()
    followed_topic_ids: frozenset[int] = frozenset()
    followed_author_ids: frozenset[int] = frozenset()
    consumed: frozenset[int] = frozenset()
    chosen: frozenset[int] = frozenset()
    dismissed: frozenset[int] = frozenset()
    already_seen: frozenset[int] = frozenset()
    hidden_topic_ids: frozenset[int] = frozenset()
    hidden_author_ids: frozenset[int] = frozenset()
    history: History = field(default_factory=History)
    searches: tuple[str, ...] = ()
    viewed: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    first_seen_s: float | None = None
    profile: Profile = field(default_factory=Profile)
    personalised: bool = True

    @property
    def rejected(self) -> frozenset[int]:
        """Items that the reader does not want recommended again."""
        return self.dismissed | self.already_seen

    @property
    def known_items(self) -> frozenset[int]:
        """Items that a release does not propose: it learned from such reactions that their item follows no more."""
        return self.consumed | self.chosen | self.rejected

    def query(self, *, now: datetime, shown: Sequence[int] = (), columns: int | None = None) -> FunnelQuery:
        """As the funnel is asked for the next page of the home feed. shown: item ids of the pages before."""
        history = self.history
        exclude = self.known_items | frozenset(shown)
        return FunnelQuery(
            QueryState(
                at=now,
                history=history.item_ids,
                history_kinds=history.kinds,
                history_ages_s=(now.timestamp() - history.happened_s).clip(min=0).astype(np.float32),
                searches=self.searches,
                topics=tuple(sorted(self.followed_topic_ids)),
                authors=tuple(sorted(self.followed_author_ids)),
                languages=tuple(sorted(self.languages)),
                country=self.profile.country,
                attributes=self.profile.attributes,
            ),
            exclude=np.fromiter(exclude, np.int64, len(exclude)),
            viewed=self.viewed,
            first_seen_s=self.first_seen_s,
            columns=columns or 0,
        )


def read_state(
    *,
    reader: Reader | None,
    languages: frozenset[str],
    now: datetime,
    personalised: bool = True,
    public_id: uuid.UUID | None = None,
) -> ReaderState:
    """The state of `reader` (None: no row yet), who wants to read these languages, as the site knew it at `now`.

    public_id: under which they are shown slates now; the reader's own by default.
    """
    if reader is None or not personalised:
        refusals = read_refusals(reader=reader, now=now)
        return replace(refusals, languages=languages, personalised=personalised)
    acts = _Acts.read(reader, _ALL_KINDS, now)
    followed = read_followed(reader)
    reacted = acts.items_of(*HISTORY_KINDS)
    return ReaderState(
        languages=languages,
        followed_topic_ids=followed.topic_ids,
        followed_author_ids=followed.author_ids,
        consumed=acts.items_of(Kind.CLICK),
        chosen=acts.items_of(*_CHOICES),
        dismissed=acts.items_of(Kind.DISMISS),
        already_seen=acts.items_of(Kind.ALREADY_SEEN),
        hidden_topic_ids=acts.topics_of(Kind.HIDE_TOPIC),
        hidden_author_ids=acts.authors_of(Kind.HIDE_AUTHOR),
        history=acts.history(now),
        searches=acts.searches(now),
        viewed=_viewed(public_id or reader.public_id, now=now, without=reacted),
        first_seen_s=reader.created_at.timestamp(),
        profile=profile_of(reader),
    )


def read_refusals(*, reader: Reader | None, now: datetime) -> ReaderState:
    """What `reader` wants to see no more of, and nothing else: for surfaces whose order is the same for everybody."""
    if reader is None:
        return ReaderState()
    acts = _Acts.read(reader, _REFUSALS, now)
    return ReaderState(
        dismissed=acts.items_of(Kind.DISMISS),
        already_seen=acts.items_of(Kind.ALREADY_SEEN),
        hidden_topic_ids=acts.topics_of(Kind.HIDE_TOPIC),
        hidden_author_ids=acts.authors_of(Kind.HIDE_AUTHOR),
    )


def with_topics(state: ReaderState, topic_ids: frozenset[int]) -> ReaderState:
    """The state of somebody who also follows these topics."""
    return replace(state, followed_topic_ids=topic_ids)


def profile_of(reader: Reader) -> Profile:
    attributes = {name: str(value) for name, value in reader.attributes.items()}
    return Profile(reader.country, MappingProxyType(attributes))


_CHOICES = (Kind.CLICK, Kind.OUTBOUND, Kind.LIKE, Kind.SAVE)
_REFUSALS = (Kind.DISMISS, Kind.ALREADY_SEEN, Kind.HIDE_TOPIC, Kind.HIDE_AUTHOR)
_ALL_KINDS = tuple(dict.fromkeys((*HISTORY_KINDS, *_REFUSALS, Kind.SEARCH)))

# By when the site knew, and not by when it happened: a client's clock may be a little ahead, and what it dismissed is
# gone at once all the same.
_STANDING = """
    SELECT id::bigint, kind::text, item_id::bigint, topic_id::bigint, author_id::bigint, query::text,
        extract(epoch FROM happened_at)::float8, excluded::text
    FROM feedback_interaction
    WHERE reader_id = %(reader)s::bigint AND kind = ANY(%(kinds)s::text[]) AND received_at <= %(now)s::timestamptz
      AND (undo_received_at IS NULL OR undo_received_at > %(now)s::timestamptz)
"""
_VIEWED = """
    SELECT v.item_id::bigint, count(*)
    FROM (
        SELECT id FROM feedback_slate
        WHERE reader_public_id = %(reader)s::uuid AND id >= %(oldest)s::uuid AND id < %(newest)s::uuid
        ORDER BY id DESC LIMIT %(slates)s::bigint
    ) AS s
    JOIN feedback_view AS v ON v.slate_id = s.id AND v.slate_id >= %(oldest)s::uuid AND v.slate_id < %(newest)s::uuid
    WHERE v.received_at <= %(now)s::timestamptz
    GROUP BY v.item_id
"""


class _Act(NamedTuple):
    """One interaction that stands."""

    id: int
    kind: str
    item_id: int | None
    topic_id: int | None
    author_id: int | None
    query: str | None
    happened_s: float
    excluded: str | None

    @property
    def counts(self) -> bool:
        """What was done with personalisation switched off does not speak for the reader, nor does a program. What
        staff do teaches nothing, but their own feed follows it."""
        return self.excluded in {None, Excluded.STAFF}


@dataclass(frozen=True)
class _Acts:
    rows: tuple[_Act, ...]

    @classmethod
    def read(cls, reader: Reader, kinds: Sequence[Kind], now: datetime) -> _Acts:
        """All that the site knew at `now` to stand, in one query."""
        with prepared_cursor() as cursor:
            cursor.execute(_STANDING, {"reader": reader.pk, "kinds": [str(kind) for kind in kinds], "now": now})
            return cls(tuple(map(_Act._make, cursor.fetchall())))

    def items_of(self, *kinds: Kind) -> frozenset[int]:
        return frozenset(act.item_id for act in self.rows if act.kind in kinds and act.item_id is not None)

    def topics_of(self, kind: Kind) -> frozenset[int]:
        return frozenset(act.topic_id for act in self.rows if act.kind == kind and act.topic_id is not None)

    def authors_of(self, kind: Kind) -> frozenset[int]:
        return frozenset(act.author_id for act in self.rows if act.kind == kind and act.author_id is not None)

    def history(self, now: datetime) -> History:
        last = self._last(HISTORY_KINDS, now, HISTORY_LENGTH)
        return History(
            np.array([act.item_id for act in last], np.int64),
            tuple(act.kind for act in last),
            np.array([act.happened_s for act in last], np.float64),
        )

    def searches(self, now: datetime) -> tuple[str, ...]:
        return tuple(act.query or "" for act in self._last((Kind.SEARCH,), now, SEARCHES))

    def _last(self, kinds: Collection[str], now: datetime, most: int) -> list[_Act]:
        """The last that had happened, the most recent last; what shares a moment in the order that training has."""
        until_s = now.timestamp()
        rows = [act for act in self.rows if act.kind in kinds and act.counts and act.happened_s <= until_s]
        ties = scattered(np.array([act.id for act in rows], np.int64))
        order = np.lexsort((ties, np.array([act.happened_s for act in rows])))
        return [rows[place] for place in order[-most:].tolist()]


def _viewed(public_id: uuid.UUID, *, now: datetime, without: frozenset[int]) -> dict[int, int]:
    """How often each item was seen on the last slates, of those that the reader never chose or refused."""
    with prepared_cursor() as cursor:
        cursor.execute(
            _VIEWED,
            {
                "reader": public_id,
                "oldest": first_uuid7(now - timedelta(days=VIEWED_DAYS)),
                "newest": first_uuid7(now + timedelta(milliseconds=1)),
                "slates": VIEWED_SLATES,
                "now": now,
            },
        )
        return {item_id: count for item_id, count in cursor.fetchall() if item_id not in without}
