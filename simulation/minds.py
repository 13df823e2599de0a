"""What goes on in a reader on a day: tastes that drift, the mood of a visit, boredom with what was there lately, and
how content the latest visits left them."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Any

from simulation.draws import reader_stream
from simulation.readers import SimulatedReader, draw_tastes
from simulation.worlds import ReaderRules

FORGOTTEN, NEARLY_FORGOTTEN = 0.01, 0.05
"""Memories of topics and of cards that are weaker than this are gone."""


def tastes_on(seed: int, reader: SimulatedReader, day: float, rules: ReaderRules) -> tuple[float, ...]:
    """The tastes of `reader` on a day, in 0..1 and summing to 1.

    A share `drift` of them moves from one draw to the next in `drift_days`, in a straight line; the rest is nature.
    """
    if rules.drift == 0:
        return reader.tastes
    step, way = divmod(day / rules.drift_days, 1.0)
    before, after = (
        draw_tastes(reader_stream(seed, reader.key, int(step) + ahead, "drift"), reader.attributes) for ahead in (0, 1)
    )
    return tuple(
        (1 - rules.drift) * own + rules.drift * ((1 - way) * one + way * other)
        for own, one, other in zip(reader.tastes, before, after, strict=True)
    )


def in_a_mood(rng: random.Random, tastes: tuple[float, ...], rules: ReaderRules) -> tuple[float, ...]:
    """These tastes as they are for one visit."""
    moved = [taste * math.exp(rules.mood * rng.gauss(0.0, 1.0)) for taste in tastes]
    return tuple(taste / sum(moved) for taste in moved)


@dataclass
class Memory:
    """What a reader remembers of the site. Keys are those of items and topics as the reader's eyes know them.

    topics: how much of what was looked at lately was of each, 1 for a topic that was all of it.
    items: how often a card was looked at and left, and the day of the last time.  read: items that were opened.
    loyalty: how often they come, as a multiple of their nature.
    """

    topics: dict[str, float] = field(default_factory=dict)
    items: dict[str, tuple[float, float]] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    loyalty: float = 1.0
    has_chosen: bool = False

    def boredom(self, topic: str, item: str, day: float, rules: ReaderRules) -> float:
        """What is taken from the logit of a click."""
        times, last = self.items.get(item, (0.0, day))
        remembered = times * 0.5 ** ((day - last) / rules.item_forgotten_days)
        return rules.topic_boredom * self.topics.get(topic, 0.0) + rules.item_boredom * remembered

    def look_at(self, topic: str, rules: ReaderRules) -> None:
        """One more card of this topic."""
        fade = 0.5 ** (1 / rules.boredom_cards)
        self.topics = {name: weight * fade for name, weight in self.topics.items() if weight * fade > FORGOTTEN}
        self.topics[topic] = self.topics.get(topic, 0.0) + 1 - fade

    def leave(self, item: str, day: float, rules: ReaderRules) -> None:
        """A card was looked at, and not opened."""
        times, last = self.items.get(item, (0.0, day))
        self.items[item] = (1 + times * 0.5 ** ((day - last) / rules.item_forgotten_days), day)

    def open(self, item: str) -> None:
        self.items.pop(item, None)
        self.read.add(item)

    def end_visit(self, satisfactions: list[float], rules: ReaderRules) -> None:
        """satisfactions: of what was opened; none opened is a visit that gave nothing."""
        given = sum(satisfactions) / len(satisfactions) if satisfactions else 0.0
        wanted = 1 - rules.loyalty_gain + rules.loyalty_gain * given / rules.contented_at
        self.loyalty += (wanted - self.loyalty) / rules.loyalty_visits

    def forget_old(self, day: float, rules: ReaderRules) -> None:
        """Drop what has faded, so that a memory does not grow with the years."""
        half = rules.item_forgotten_days
        self.items = {
            item: (times, last)
            for item, (times, last) in self.items.items()
            if times * 0.5 ** ((day - last) / half) > NEARLY_FORGOTTEN
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "topics": self.topics,
            "items": {item: list(pair) for item, pair in self.items.items()},
            "read": sorted(self.read),
            "loyalty": self.loyalty,
            "has_chosen": self.has_chosen,
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Memory:
        return cls(
            topics=kept["topics"],
            items={item: (times, last) for item, (times, last) in kept["items"].items()},
            read=set(kept["read"]),
            loyalty=kept["loyalty"],
            has_chosen=kept["has_chosen"],
        )
