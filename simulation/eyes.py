"""What a reader knows of what stands on a page: of an item its truth, once they see its card; what topics are about.

Nothing here is asked about an item that no page has shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from simulation.behaviour import match_of
from simulation.draws import stream
from simulation.offer import WorldItem
from simulation.pages import CardOnPage
from simulation.phrases import load_topics
from simulation.truth import INTERESTS, Truth, draw_truth

STRANGE_INTERESTS = 3
"""How many interests a topic serves that is not of our world."""


class Eyes:
    """items: those of the world. Of other catalogues every reader has the same opinion, drawn by title and topic."""

    def __init__(self, seed: int, items: Iterable[WorldItem]) -> None:
        self._seed = seed
        self._by_title = {item.title.casefold(): item for item in items}

    def key_of(self, card: CardOnPage) -> str:
        """What stands for the item in draws and memories."""
        item = self._by_title.get(card.title.casefold())
        return item.key if item else f"title {card.title.casefold()}"

    def truth_of(self, card: CardOnPage) -> Truth:
        item = self._by_title.get(card.title.casefold())
        return item.truth if item else _strange_truth(self._seed, card.title.casefold(), card.topic)

    def topics_liked(self, tastes: tuple[float, ...], offered: Iterable[str], count: int) -> list[str]:
        """Of these names of topics the `count` that fit best by what they are known for, the best first."""
        fits = {name: match_of(tastes, _topic_truth(self._seed, name)) for name in offered}
        return sorted(fits, key=lambda name: (-fits[name], name))[:count]


@cache
def _topic_interests(seed: int, name: str) -> tuple[tuple[str, float], ...]:
    known = next((topic for topic in load_topics() if topic.name == name), None)
    if known is not None:
        return tuple(known.interests.items())
    rng = stream(seed, 0, f"topic {name}")
    return tuple((interest, 1.0) for interest in rng.sample(INTERESTS, STRANGE_INTERESTS))


@cache
def _topic_truth(seed: int, name: str) -> Truth:
    interests = dict(_topic_interests(seed, name))
    total = sum(interests.values())
    return Truth(tuple(interests.get(interest, 0.0) / total for interest in INTERESTS), 0.5)


@cache
def _strange_truth(seed: int, title: str, topic: str) -> Truth:
    return draw_truth(stream(seed, 0, f"item {title}"), [dict(_topic_interests(seed, topic))])
