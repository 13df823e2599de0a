"""What there is to read on a day, for readers of given languages: everything, what is popular, and by topic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from simulation.behaviour import match_of
from simulation.readers import SimulatedReader
from simulation.truth import INTERESTS, Truth

POPULAR_ITEMS = 120
FAVOURITE_TOPICS = 3


@dataclass(frozen=True)
class WorldItem:
    """An item as the world knows it."""

    key: str
    language: str
    topics: tuple[str, ...]
    published_at: datetime
    truth: Truth
    title: str = ""


@dataclass(frozen=True)
class Shelf:
    """Keys of items. popular: the best first.  by_topic: under their first topic."""

    everything: Sequence[str]
    popular: Sequence[str]
    by_topic: Mapping[str, Sequence[str]]


class Offer:
    """The items published before `at`, of which `popularity` (a score by key) ranks those that anybody chose."""

    def __init__(self, items: Sequence[WorldItem], popularity: Mapping[str, float], *, at: datetime) -> None:
        self._items = [item for item in items if item.published_at < at]
        self._popularity = popularity
        self._shelves: dict[tuple[str, ...], Shelf] = {}

    def shelf(self, languages: tuple[str, ...]) -> Shelf:
        """What somebody who reads these languages can choose from."""
        if languages not in self._shelves:
            self._shelves[languages] = self._make_shelf(languages)
        return self._shelves[languages]

    def _make_shelf(self, languages: tuple[str, ...]) -> Shelf:
        readable = [item for item in self._items if item.language in languages]
        by_topic: dict[str, list[str]] = defaultdict(list)
        for item in readable:
            by_topic[item.topics[0]].append(item.key)
        chosen = [item.key for item in readable if self._popularity.get(item.key, 0.0) > 0]
        chosen.sort(key=lambda key: (-self._popularity[key], key))
        return Shelf([item.key for item in readable], chosen[:POPULAR_ITEMS], by_topic)


def favourite_topics(reader: SimulatedReader, mixtures: Mapping[str, Truth]) -> tuple[str, ...]:
    """The topics whose items fit the reader best on average, the best first."""
    ranked = sorted(mixtures, key=lambda topic: (-match_of(reader.tastes, mixtures[topic]), topic))
    return tuple(ranked[:FAVOURITE_TOPICS])


def topic_mixtures(items: Iterable[WorldItem]) -> dict[str, Truth]:
    """The mean interests and quality of each topic's items."""
    members: dict[str, list[Truth]] = defaultdict(list)
    for item in items:
        members[item.topics[0]].append(item.truth)
    return {topic: _mean(truths) for topic, truths in members.items()}


def _mean(truths: Sequence[Truth]) -> Truth:
    interests = tuple(sum(truth.interests[place] for truth in truths) / len(truths) for place in range(len(INTERESTS)))
    return Truth(interests, sum(truth.quality for truth in truths) / len(truths))
