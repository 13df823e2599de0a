"""All that is known of items beside a release, at one moment: shared by every request until it is read anew."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np
import pyarrow as pa

from ranking.exploration import Outside
from ranking.reason_evidence import PopularTopics
from ranking.request import NONE, WINDOWS, ItemTable
from recsite.funnel.item_facts import ItemFacts
from recsite.funnel.recent import Recent
from recsite.funnel.sources import POPULAR, TRENDING
from retrieval.candidates import Candidates
from retrieval.sources.followed import Followed
from retrieval.sources.fresh import Fresh
from retrieval.sources.popular import Popular, Trending

_LANGUAGE_SETS = 32
_RULE_LENGTH = 200


@dataclass(frozen=True, eq=False)
class Counts:
    """What happened to items lately. item_ids: (n,) int64, rising.  views, clicks, dismissals: (windows, n) float32, of
    `ranking.request.WINDOWS`. An item that is not here has none.

    Raises ValueError for arrays that do not fit each other, or ids that do not rise.
    """

    item_ids: np.ndarray
    views: np.ndarray
    clicks: np.ndarray
    dismissals: np.ndarray

    def __post_init__(self) -> None:
        shape = (len(WINDOWS), len(self.item_ids))
        for name in ("views", "clicks", "dismissals"):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} is {getattr(self, name).shape}, but must be {shape}.")
        if (np.diff(self.item_ids) <= 0).any():
            raise ValueError("item_ids must rise: each item is counted in one column.")

    @classmethod
    def none(cls) -> Counts:
        nothing = np.empty((len(WINDOWS), 0), np.float32)
        return cls(np.empty(0, np.int64), nothing, nothing, nothing)


@dataclass(frozen=True, eq=False)
class Catalogue:
    """facts: of all items that are not hidden, also those dated ahead.
    table: the same as ranking knows them, without vectors, which are a release's.
    popular, trending: of these items, in a standing order.
    counts_as_of: the snapshot that counts came from; None where there is none.
    version: differs when anything here does.
    """

    facts: ItemFacts
    table: ItemTable
    popular: Popular
    trending: Trending
    counts_as_of: datetime | None
    version: str
    _outside: Recent[tuple[frozenset[str], int], Outside] = field(
        default_factory=lambda: Recent(_LANGUAGE_SETS), init=False, repr=False
    )

    @classmethod
    def of(
        cls,
        items: pa.Table,
        counts: Counts,
        popular: Candidates,
        trending: Candidates,
        *,
        counts_as_of: datetime | None,
        version: str,
    ) -> Catalogue:
        """items: `ITEM_CONTENT`, in any order; a web process may leave title and summary empty.
        popular, trending: as `sources.popular_and_trending` has them; items that are not in the catalogue are dropped.
        """
        return cls.of_facts(ItemFacts.of(items), counts, popular, trending, counts_as_of=counts_as_of, version=version)

    @classmethod
    def of_facts(
        cls,
        facts: ItemFacts,
        counts: Counts,
        popular: Candidates,
        trending: Candidates,
        *,
        counts_as_of: datetime | None,
        version: str,
    ) -> Catalogue:
        """As `of`, where no item has changed since the facts were read: a tenth of the work."""
        popular_rows, popular_scores = _known(facts, popular)
        trending_rows, trending_scores = _known(facts, trending)
        return cls(
            facts=facts,
            table=_table(facts, counts, popularity(len(facts), popular_rows, popular_scores)),
            popular=Popular(facts.standing(popular_rows), popular_scores, POPULAR),
            trending=Trending(facts.standing(trending_rows), trending_scores, TRENDING),
            counts_as_of=counts_as_of,
            version=version,
        )

    def __len__(self) -> int:
        return len(self.facts)

    @property
    def items(self) -> pa.Table:
        """`ITEM_CONTENT`, item_id rising."""
        return self.facts.items

    @property
    def language_codes(self) -> Mapping[str, int]:
        return self.facts.language_codes

    @property
    def fresh(self) -> Fresh:
        return self.facts.fresh

    @property
    def followed(self) -> Followed:
        return self.facts.followed

    @cached_property
    def popular_topics(self) -> PopularTopics:
        """From which popularity on an item is among the most chosen of a topic: cards say so. Takes a second or two of
        a million items, so whoever reads a catalogue for pages asks for it before they do."""
        return PopularTopics.of(self.table)

    def is_out(self, item_ids: np.ndarray, at_s: float) -> np.ndarray:
        """(n,) bool: what may be shown at that moment, seconds since 1970 UTC: known here, and not dated ahead."""
        rows = self.facts.rows_of(item_ids)
        if not len(self):
            return rows != NONE
        return (rows != NONE) & ~(self.facts.published_s[rows] > at_s)

    def is_read(self, item_ids: np.ndarray, languages: Collection[str]) -> np.ndarray:
        """(n,) bool: in one of these languages or in none that is known; without languages, all that is known here."""
        rows = self.facts.rows_of(item_ids)
        if not languages or not len(self):
            return rows != NONE
        read = [number for code, number in self.language_codes.items() if code in languages]
        return (rows != NONE) & np.isin(self.facts.languages[rows], [*read, NONE])

    def is_about(self, item_ids: np.ndarray, topics: Collection[int]) -> np.ndarray:
        """(n,) bool: in one of these topics."""
        rows = self.facts.rows_of(item_ids)
        known = np.flatnonzero(rows != NONE)
        found = np.zeros(len(item_ids), bool)
        if not topics or not len(known):
            return found
        starts, ends = self.facts.topic_offsets[rows[known]], self.facts.topic_offsets[rows[known] + 1]
        of_item = np.repeat(known, ends - starts)
        places = np.arange(len(of_item)) - np.repeat(np.cumsum(ends - starts) - ends, ends - starts)
        found[of_item[np.isin(self.facts.topics[places], list(topics))]] = True
        return found

    def is_by(self, item_ids: np.ndarray, authors: Collection[int]) -> np.ndarray:
        """(n,) bool: by one of these authors."""
        rows = self.facts.rows_of(item_ids)
        if not authors or not len(self):
            return np.zeros(len(item_ids), bool)
        return (rows != NONE) & np.isin(self.facts.authors[rows], list(authors))

    def cap_keys(self, item_ids: np.ndarray) -> np.ndarray:
        """(n, 2) int64: first topic and author, `NONE` for none, and for an item that is not known."""
        rows = self.facts.rows_of(item_ids)
        if not len(self):
            return np.full((len(item_ids), 2), NONE, np.int64)
        return np.where((rows != NONE)[:, None], self.facts.cap_keys[rows], NONE)

    def outside(self, languages: frozenset[str], at_s: float) -> Outside:
        """All items that are out by then, in one of these languages or in none that is known; without languages, all.

        Kept for the languages asked for last, until another item is out.
        """
        return self._outside.get((languages, self.facts.num_out(at_s)), lambda: self._outside_of(languages, at_s))

    def _outside_of(self, languages: frozenset[str], at_s: float) -> Outside:
        facts = self.facts
        rows = np.flatnonzero(~(facts.published_s > at_s) & self.is_read(facts.item_ids, languages))
        rule = f"published, in {', '.join(sorted(languages))}" if languages else "published"
        return Outside(facts.item_ids[rows], facts.cap_keys[rows], rule[:_RULE_LENGTH])


def popularity(num_items: int, rows: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(num_items,) float32: the share of items with a lower score; 0 for one that has none.

    rows: (n,) of those that have.  scores: (n,), above 0.
    """
    of_all = np.zeros(num_items, np.float32)
    of_all[rows] = scores
    return (np.searchsorted(np.sort(of_all), of_all) / max(num_items, 1)).astype(np.float32)


def _known(facts: ItemFacts, candidates: Candidates) -> tuple[np.ndarray, np.ndarray]:
    """Rows and scores of those that are in the catalogue."""
    rows = facts.rows_of(candidates.item_ids)
    known = rows != NONE
    return rows[known], candidates.scores[known]


def _table(facts: ItemFacts, counts: Counts, shares: np.ndarray) -> ItemTable:
    rows = facts.rows_of(counts.item_ids)
    known = rows != NONE

    def of_items(counted: np.ndarray) -> np.ndarray:
        columns = np.zeros((len(WINDOWS), len(facts)), np.float32)
        columns[:, rows[known]] = counted[:, known]
        return columns

    return ItemTable(
        item_ids=facts.item_ids,
        topic_offsets=facts.topic_offsets,
        topics=facts.topics,
        authors=facts.authors,
        languages=facts.languages,
        published_s=facts.published_s,
        views=of_items(counts.views),
        clicks=of_items(counts.clicks),
        dismissals=of_items(counts.dismissals),
        popularity=shares,
        vectors=np.empty((len(facts), 0), np.float32),
    )
