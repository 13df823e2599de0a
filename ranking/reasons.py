"""One honest sentence for the reader: why this card is here.

Several things can be true of a candidate. Said is the one that did most to bring it here: whose features added most
to its score, and whose source named it highest. What is not true of the candidate is never said, however much it
would have added; and what is true but brought nothing is not given as the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache

import numpy as np

from ranking.features import FeatureSet
from ranking.propensity import Branch
from ranking.reason_evidence import Liking, PopularTopics, topics_of
from ranking.request import NONE, ItemTable, RankingRequest


class Why(StrEnum):
    """Of claims that did as much, the one that stands first here is said: the more it says, the earlier."""

    LIKED_ITEM = "liked item"
    CHOSEN_ITEM = "chosen item"
    FOLLOWED_AUTHOR = "followed author"
    FOLLOWED_TOPIC = "followed topic"
    LIKED_AUTHOR = "liked author"
    LIKED_TOPIC = "liked topic"
    NEW_FROM_AUTHOR = "new from author"
    TRENDING = "trending"
    POPULAR_IN_TOPIC = "popular in topic"
    POPULAR = "popular"
    NEW = "new"
    FOR_YOU = "for you"
    IN_TOPIC = "in topic"
    SUGGESTED = "suggested"
    DIFFERENT = "different"
    PINNED = "pinned"


@dataclass(frozen=True)
class Reason:
    """item_id, topic, author: what the sentence names, the catalogue's keys; None for what it does not."""

    why: Why
    item_id: int | None = None
    topic: int | None = None
    author: int | None = None


@dataclass(frozen=True)
class Cause:
    """What can have brought a candidate here in one way: sources, with all features that hold their word, and other
    features."""

    sources: tuple[str, ...] = ()
    features: tuple[str, ...] = ()


PERSONAL_SOURCES = ("covisitation", "graph_walk", "implicit_als", "implicit_als_taste", "two_tower")
"""They go by what the reader chose."""

_RECENT_CHANGES = ("click_rate_hour", "click_rate_day", "log_views_hour", "log_views_day")
_STANDING = Cause(("popular",), ("popularity", "click_rate_week", "log_views_week"))
_LIKENESS = Cause(PERSONAL_SOURCES, ("covisited", "similarity_highest", "similarity_mean", "similarity_newest"))
CAUSES: Mapping[Why, Cause] = {
    Why.LIKED_ITEM: _LIKENESS,
    Why.CHOSEN_ITEM: _LIKENESS,
    Why.FOLLOWED_AUTHOR: Cause(("followed",), ("author_followed",)),
    Why.FOLLOWED_TOPIC: Cause(("followed",), ("topics_followed",)),
    Why.LIKED_AUTHOR: Cause(PERSONAL_SOURCES, ("author_liked",)),
    Why.LIKED_TOPIC: Cause(PERSONAL_SOURCES, ("topic_liked", "topic_liked_most")),
    Why.NEW_FROM_AUTHOR: Cause(("fresh",), ("age_hours",)),
    Why.TRENDING: Cause(("trending",), _RECENT_CHANGES),
    Why.POPULAR_IN_TOPIC: _STANDING,
    Why.POPULAR: _STANDING,
    Why.NEW: Cause(("fresh",), ("age_hours",)),
    Why.FOR_YOU: Cause(PERSONAL_SOURCES),
}
"""Features that a set does not have bring nothing. What else a `Why` says needs no cause."""


@dataclass(frozen=True)
class ReasonConfig:
    """liked_gain: from which gain on "you liked" may be said; below it is "you opened".
    least_likeness: cosine from which on two items are alike enough to name one as the reason for the other.
    often: so many liked items make a taste for a topic.  new_days: so long an item is new.
    popular: share of items that are chosen less often than a popular one.
    same_item: so many items of a page may be there because of the same one: the last that was liked is often the most
    like everything that follows from it, and a page that repeats one sentence tells nothing.
    """

    liked_gain: float = 3.0
    least_likeness: float = 0.6
    often: int = 3
    new_days: float = 7.0
    popular: float = 0.9
    same_item: int = 3


USUAL_REASONS = ReasonConfig()


@dataclass(frozen=True, eq=False)
class ReasonFinder:
    """Finds reasons for the candidates of one request.

    links: by candidate, the item of the history for which a source named it, where a source can tell.
    """

    request: RankingRequest
    table: ItemTable
    popular_topics: PopularTopics
    feature_set: FeatureSet
    links: Mapping[int, int] = field(default_factory=dict)
    config: ReasonConfig = USUAL_REASONS

    def reasons(
        self, item_ids: Sequence[int], branches: Sequence[Branch | None], contributions: np.ndarray | None = None
    ) -> list[Reason]:
        """One an item. branches: by which each came to the page; None for one that is not on it.

        contributions: (items, len(feature_set) + 1) of `Order.contributions`, whatever for items that were pinned or
        came from outside; without them ranks in the sources decide.
        Raises ValueError for an item that is no candidate, except one that was pinned or came from outside.
        """
        places = [place for place, branch in enumerate(branches) if branch not in _SAID_BY_BRANCH]
        candidates = self._candidates([item_ids[place] for place in places])
        judged = None if contributions is None else contributions[places]
        found = dict(zip(places, self._found(candidates, judged), strict=True))
        return [found.get(place) or Reason(_SAID_BY_BRANCH[branch]) for place, branch in enumerate(branches)]

    def _candidates(self, item_ids: list[int]) -> list[int]:
        """Their rows among the candidates."""
        rows = {item_id: row for row, item_id in enumerate(self.request.candidates.item_ids.tolist())}
        unknown = [item_id for item_id in item_ids if item_id not in rows]
        if unknown:
            raise ValueError(f"Item {unknown[0]} is not among the candidates: it can only be pinned or from outside.")
        return [rows[item_id] for item_id in item_ids]

    def _found(self, candidates: list[int], contributions: np.ndarray | None) -> Iterator[Reason]:
        rows = self.table.rows_of(self.request.candidates.item_ids[candidates]).tolist()
        named_by = self._named_by(candidates)
        alike = self._liking.alike(rows, self.config.least_likeness)
        named: Counter[int] = Counter()
        strengths = self._strengths(candidates, contributions)
        for its_sources, row, its_alike, its_strengths in zip(named_by, rows, alike, strengths, strict=True):
            if row == NONE:
                yield Reason(Why.SUGGESTED)
                continue
            best, strongest = None, _NOTHING
            cause = next((one for one in self._causes(row, its_alike) if named[one] < self.config.same_item), None)
            for reason in self._true(its_sources, row, cause):
                strength = its_strengths[_CAUSE_OF[reason.why]]
                if strength > strongest:  # of equals the first
                    best, strongest = reason, strength
            if best is not None and best.item_id is not None:
                named[best.item_id] += 1
            topics = topics_of(self.table, row)
            yield best or (Reason(Why.IN_TOPIC, topic=topics[0]) if topics else Reason(Why.SUGGESTED))

    def _true(self, named_by: Set[str], row: int, cause: int | None) -> Iterator[Reason]:
        """All that can be said of an item, in the order of `Why`.

        named_by: its sources.  row: in the table.  cause: a liked item to which it owes its place.
        """
        liking, config = self._liking, self.config
        topics, author = topics_of(self.table, row), int(self.table.authors[row])
        if cause is not None:
            is_liked = liking.gains[cause] >= config.liked_gain
            yield Reason(Why.LIKED_ITEM if is_liked else Why.CHOSEN_ITEM, item_id=cause)
        if author != NONE and author in self._followed_authors:
            yield Reason(Why.FOLLOWED_AUTHOR, author=author)
        yield from (Reason(Why.FOLLOWED_TOPIC, topic=topic) for topic in topics if topic in self._followed_topics)
        if liking.authors[author]:
            yield Reason(Why.LIKED_AUTHOR, author=author)
        dearest = sorted(topics, key=lambda topic: -liking.topics[topic])
        if dearest and liking.topics[dearest[0]] >= config.often:
            yield Reason(Why.LIKED_TOPIC, topic=dearest[0])
        is_new = self._is_new(row)
        if is_new and author != NONE:
            yield Reason(Why.NEW_FROM_AUTHOR, author=author)
        if "trending" in named_by:
            yield Reason(Why.TRENDING)
        popularity = float(self.table.popularity[row])
        for topic in dearest:
            if self.popular_topics.hold(topic, popularity):
                yield Reason(Why.POPULAR_IN_TOPIC, topic=topic)
        if popularity >= config.popular:
            yield Reason(Why.POPULAR)
        if is_new:
            yield Reason(Why.NEW)
        if liking.gains and not named_by.isdisjoint(PERSONAL_SOURCES):
            yield Reason(Why.FOR_YOU)

    def _causes(self, row: int, alike: Sequence[int]) -> Iterator[int]:
        """The liked item for which the one of that row was named, then those to which it is alike."""
        item_id = int(self.table.item_ids[row])
        linked = self.links.get(item_id)
        if linked is not None and linked != item_id and linked in self._liking.gains:
            yield linked
        yield from alike

    def _is_new(self, row: int) -> bool:
        age_s = self.request.context.at_s - float(self.table.published_s[row])
        return 0 <= age_s <= self.config.new_days * _DAY_S

    def _named_by(self, candidates: list[int]) -> list[set[str]]:
        """The sources of each."""
        named_by: list[set[str]] = [set() for _ in candidates]
        for source, says in self.request.candidates.sources.items():
            for place in np.flatnonzero(~np.isnan(says.ranks[candidates])).tolist():
                named_by[place].add(source)
        return named_by

    def _strengths(self, candidates: list[int], contributions: np.ndarray | None) -> list[list[tuple[float, float]]]:
        """By candidate and by cause: what its features add to the score, and how high its sources named it."""
        highest = np.zeros((len(candidates), len(_CAUSES)))
        for column, cause in enumerate(_CAUSES):
            for source in cause.sources:
                if source in self.request.candidates.sources:
                    ranks = self.request.candidates.sources[source].ranks[candidates]
                    highest[:, column] = np.fmax(highest[:, column], 1 / (1 + ranks))  # NaN: not named
        added = np.zeros_like(highest)
        if contributions is not None:
            # Two sums of the same parts may differ by a hair, and would then not be equals.
            added = np.round(np.maximum(contributions, 0) @ _columns(self.feature_set), 9)
        return [list(zip(*both, strict=True)) for both in zip(added.tolist(), highest.tolist(), strict=True)]

    @cached_property
    def _followed_topics(self) -> frozenset[int]:
        return frozenset(self.request.reader.topics.tolist())

    @cached_property
    def _followed_authors(self) -> frozenset[int]:
        return frozenset(self.request.reader.authors.tolist())

    @cached_property
    def _liking(self) -> Liking:
        return Liking(self.request, self.table)


_SAID_BY_BRANCH: Mapping[Branch | None, Why] = {Branch.OUTSIDE: Why.DIFFERENT, Branch.PINNED: Why.PINNED}
_CAUSES = tuple(dict.fromkeys(CAUSES.values()))
_CAUSE_OF = {why: _CAUSES.index(cause) for why, cause in CAUSES.items()}
_NOTHING = (0.0, 0.0)
_DAY_S = 86_400.0


@lru_cache(maxsize=16)
def _columns(feature_set: FeatureSet) -> np.ndarray:
    """(len(feature_set) + 1, causes): 1 where the feature speaks of the cause."""
    columns = np.zeros((len(feature_set) + 1, len(_CAUSES)))
    for row, feature in enumerate(feature_set.features):
        for column, cause in enumerate(_CAUSES):
            columns[row, column] = feature.name in cause.features or feature.source in cause.sources
    return columns
