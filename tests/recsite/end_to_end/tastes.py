"""Readers of different taste, found in what they did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count

from catalog.models import Item, Reader
from feedback.models import Interaction

_KNOWN_BY = 20
"""So many reactions say what somebody likes."""


@dataclass(frozen=True)
class Taste:
    """reader: one who reacts to items of this topic far more than readers do."""

    reader: Reader
    topic_id: int

    def share(self, items: Sequence[int]) -> float:
        return Item.objects.filter(pk__in=items, topics=self.topic_id).count() / len(items)


def different_tastes(count: int) -> list[Taste]:
    """No two of one topic or of one reader, those first that chance explains least."""
    known = Interaction.objects.filter(kind__in=["click", "like"])
    by_both = known.values_list("reader_id", "item__topics").annotate(number=Count("pk")).exclude(item__topics=None)
    of_reader = dict(known.values_list("reader_id").annotate(number=Count("pk")))
    of_topic = dict(known.values_list("item__topics").annotate(number=Count("pk")))
    everything = sum(of_reader.values())

    def surprise(row: tuple[int, int, int]) -> float:
        reader, topic, number = row
        expected: float = of_reader[reader] * of_topic[topic] / everything
        return (number - expected) / math.sqrt(expected)

    found: list[tuple[int, int]] = []
    for reader, topic, _ in sorted(by_both, key=surprise, reverse=True):
        if of_reader[reader] >= _KNOWN_BY and all(reader != other and topic != one for other, one in found):
            found.append((reader, topic))
    return [Taste(Reader.objects.get(pk=reader), topic) for reader, topic in found[:count]]
