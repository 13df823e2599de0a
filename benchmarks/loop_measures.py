"""How a round went, against the truth that the site never sees. Needs Django to be set up."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from catalog.models import Item
from feedback.models import Slate, SlateDetail
from feedback.surfaces import Surface
from feedback.uuid7 import first_uuid7, time_of_uuid7
from simulation.behaviour import match_of
from simulation.judgement import utilities
from simulation.minds import tastes_on
from simulation.offer import WorldItem, topic_mixtures
from simulation.readers import SimulatedReader
from simulation.truth import Truth
from simulation.visit import Told
from simulation.worlds import World

FIRST = 10
COLD = timedelta(days=2)
DISLIKED_SHARE = 1 / 3
"""Of all topics, those whose items fit a reader worst."""
CONCENTRATED = 0.01
"""Of the catalogue, the items that are shown most."""

Logged = tuple[uuid.UUID, uuid.UUID, list[int], list[int]]
"""A first page: slate, its reader's public id, items, branches."""

_EXPLORED = (int(Slate.Branch.POOL), int(Slate.Branch.OUTSIDE))


@dataclass(frozen=True, eq=False)
class TruthOfSite:
    """What is true of the items and readers of one site.

    item_ids: (n,) int64, rising; items in that order. What is asked again and again of a day is kept until another
    one is asked about.
    """

    seed: int
    world: World
    item_ids: np.ndarray
    items: Sequence[WorldItem]
    _of_day: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, seed: int, world: World, items: Sequence[WorldItem]) -> TruthOfSite:
        """Of the items that stand in the database."""
        by_key = {item.key: item for item in items}
        rows = sorted(Item.objects.values_list("pk", "external_id"))
        return cls(seed, world, np.array([pk for pk, _ in rows], np.int64), [by_key[key] for _, key in rows])

    @cached_property
    def published_s(self) -> np.ndarray:
        """(n,) float64."""
        return np.array([item.published_at.timestamp() for item in self.items])

    @cached_property
    def kinds(self) -> np.ndarray:
        """(n,) of texts: plain, look-alike, bait."""
        return np.array([item.truth.kind for item in self.items])

    @cached_property
    def mixtures(self) -> Mapping[str, Truth]:
        """What the items of each topic are like on average."""
        return topic_mixtures(self.items)

    def rows(self, item_ids: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.item_ids, item_ids)

    def tastes(self, reader: SimulatedReader, day: int) -> np.ndarray:
        """(interests,) float64."""
        return np.array(tastes_on(self.seed, reader, day, self.world.readers))

    def utilities(self, reader: SimulatedReader, day: int) -> np.ndarray:
        """(n,) float64, of a slot with each item; 0 for what they cannot read. Not to be written to."""
        if self._of_day.get("day") != day:
            self._of_day.clear()
            self._of_day["day"] = day
        if reader.key not in self._of_day:
            found = utilities(self.tastes(reader, day)[None, :], [item.truth for item in self.items], self.world)[0]
            self._of_day[reader.key] = np.where(self.readable(reader), found, 0.0)
        return self._of_day[reader.key]

    def readable(self, reader: SimulatedReader) -> np.ndarray:
        return np.array([item.language in reader.languages for item in self.items])

    def disliked_topics(self, reader: SimulatedReader, day: int) -> frozenset[str]:
        tastes = tuple(self.tastes(reader, day))
        fits = sorted(self.mixtures, key=lambda topic: (match_of(tastes, self.mixtures[topic]), topic))
        return frozenset(fits[: round(DISLIKED_SHARE * len(fits))])


def utility_of_page(of_items: np.ndarray, rows: np.ndarray) -> float:
    """The mean of its first ten slots; nothing for a page without any, as for a reader of whose language no candidate
    is. of_items: (n,) float64, of a slot with each item.  rows: of the page's items, in their order."""
    return float(of_items[rows[:FIRST]].mean()) if len(rows) else 0.0


def measure(
    truth: TruthOfSite,
    told: Sequence[Told],
    readers: Mapping[str, SimulatedReader],
    reader_of: Mapping[uuid.UUID, SimulatedReader],
    *,
    day: int,
    since: datetime,
    until: datetime,
    before: frozenset[str],
) -> dict[str, Any]:
    """Plain JSON values of one round.

    readers: by their keys.  reader_of: by the public id that the site gave them.  before: keys of those who came in
    the round before.
    """
    pages = [one for one in told if one.utilities]
    looked = sum(one.looked_at for one in told)
    came = {one.reader for one in told}
    return {
        "utility": _mean([float(np.mean(one.utilities)) for one in pages]),
        "regret": _regret(truth, pages, readers, day, until),
        "visits": len(told),
        "readers": len(came),
        "return_rate": len(came & before) / len(before) if before else None,
        "click_rate": sum(len(one.opened) for one in told) / max(looked, 1),
        "dismiss_rate": sum(len(one.dismissed) for one in told) / max(looked, 1),
        "satisfaction": _mean([value for one in told for value in one.satisfactions]),
        **_of_slots(truth, reader_of, day=day, since=since, until=until),
    }


def _regret(
    truth: TruthOfSite, pages: Sequence[Told], readers: Mapping[str, SimulatedReader], day: int, until: datetime
) -> float | None:
    """1 less the share of the best first page that there could have been, of items that are out and can be read."""
    best = {key: _best(truth, readers[key], day, until) for key in {one.reader for one in pages}}
    return _mean([1 - float(np.mean(one.utilities)) / best[one.reader] for one in pages])


def _best(truth: TruthOfSite, reader: SimulatedReader, day: int, until: datetime) -> float:
    """Mean utility of the first slots of the best page that there could have been."""
    found = np.where(truth.published_s < until.timestamp(), truth.utilities(reader, day), 0.0)
    return float(np.sort(found)[-FIRST:].mean())


def _of_slots(
    truth: TruthOfSite,
    reader_of: Mapping[uuid.UUID, SimulatedReader],
    *,
    day: int,
    since: datetime,
    until: datetime,
) -> dict[str, Any]:
    """What stood on first pages of the home feed, and what had been candidates for them."""
    ids = {"id__gte": first_uuid7(since), "id__lt": first_uuid7(until)}
    slates = Slate.objects.filter(**ids, surface=Surface.HOME, first_position=0)
    pages = list(slates.order_by("pk").values_list("pk", "reader_public_id", "items", "branches"))
    if not pages:
        return {}
    shown = np.array([item for _, _, items, _ in pages for item in items], np.int64)
    explored = np.array([branch in _EXPLORED for *_, branches in pages for branch in branches])
    unions = dict(SlateDetail.objects.filter(pk__in=[pk for pk, *_ in pages]).values_list("pk", "union_items"))
    candidates = np.array([item for union in unions.values() for item in union or ()], np.int64)
    rows, kinds = truth.rows(shown), truth.kinds
    is_out = truth.published_s < until.timestamp()
    measured: dict[str, Any] = {"pages": len(pages), "slots": len(shown)}
    for kind in ("look-alike", "bait"):
        name, share = kind.replace("-", "_"), float((kinds[is_out] == kind).mean())
        of_slots = float((kinds[rows[~explored]] == kind).mean())
        measured[f"{name}_slots"] = of_slots
        measured[f"{name}_lift"] = of_slots / share if share else None
        if share and len(candidates):
            measured[f"{name}_candidates_lift"] = float((kinds[truth.rows(candidates)] == kind).mean()) / share
    measured["unwanted_slots"] = measured["look_alike_slots"] + measured["bait_slots"]
    measured["coverage"] = len(np.unique(shown)) / int(is_out.sum())
    counts = np.sort(np.bincount(rows, minlength=len(truth.items)))[::-1]
    measured["concentration"] = float(counts[: max(1, round(CONCENTRATED * is_out.sum()))].sum() / len(shown))
    measured["cold_share"] = float((truth.published_s[rows] > (since - COLD).timestamp()).mean())
    measured["overlap"] = _overlap([items for _, _, items, _ in pages])
    measured["disliked_candidates"] = _disliked(truth, reader_of, pages, unions, day)
    measured |= _delay(truth, since=since, until=until)
    return measured | _whose_regret(truth, reader_of, pages, unions, day=day, until=until)


def _delay(truth: TruthOfSite, *, since: datetime, until: datetime) -> dict[str, float | None]:
    """Of the items that came out on the day before: how long until the first page of anybody's feed had them, the
    median in days, and the share that had been on none when this day was over."""
    came_out_s = {
        int(item): published_s
        for item, published_s in zip(truth.item_ids, truth.published_s, strict=True)
        if (since - timedelta(days=1)).timestamp() <= published_s < since.timestamp()
    }
    if not came_out_s:
        return {}
    ids = {"id__gte": first_uuid7(since - timedelta(days=1)), "id__lt": first_uuid7(until)}
    slates = Slate.objects.filter(**ids, surface=Surface.HOME, first_position=0).order_by("pk")
    first_s: dict[int, float] = {}
    for pk, items in slates.values_list("pk", "items"):
        for item in came_out_s.keys() & set(items):
            first_s.setdefault(item, time_of_uuid7(pk).timestamp())
    delays = [(first_s[item] - came_out_s[item]) / timedelta(days=1).total_seconds() for item in first_s]
    return {
        "cold_delay_days": float(np.median(delays)) if delays else None,
        "cold_never": 1 - len(first_s) / len(came_out_s),
    }


def _whose_regret(
    truth: TruthOfSite,
    reader_of: Mapping[uuid.UUID, SimulatedReader],
    pages: Sequence[Logged],
    unions: Mapping[uuid.UUID, Sequence[int] | None],
    *,
    day: int,
    until: datetime,
) -> dict[str, float | None]:
    """A page's regret in two parts: what the best of its candidates lack to the best page that there could have been,
    and what its first slots lack to those."""
    retrieval, order = [], []
    best: dict[str, float] = {}
    for pk, public_id, items, _ in pages:
        union, reader = unions.get(pk), reader_of.get(public_id)
        if not union or reader is None:
            continue
        if reader.key not in best:
            best[reader.key] = _best(truth, reader, day, until)
        of_items = truth.utilities(reader, day)
        reached = float(np.sort(of_items[truth.rows(np.array(union, np.int64))])[-FIRST:].mean())
        shown = float(of_items[truth.rows(np.array(items[:FIRST], np.int64))].mean())
        retrieval.append(1 - reached / best[reader.key])
        order.append((reached - shown) / best[reader.key])
    return {"retrieval_regret": _mean(retrieval), "order_regret": _mean(order)}


def _overlap(pages: Sequence[Sequence[int]]) -> float | None:
    """Mean Jaccard index of the first items of pages that were served one after the other."""
    firsts = [frozenset(items[:FIRST]) for items in pages]
    return _mean([len(one & other) / len(one | other) for one, other in pairwise(firsts) if one | other])


def _disliked(
    truth: TruthOfSite,
    reader_of: Mapping[uuid.UUID, SimulatedReader],
    pages: Sequence[Logged],
    unions: Mapping[uuid.UUID, Sequence[int] | None],
    day: int,
) -> float | None:
    """Share of candidates whose first topic their reader dislikes."""
    disliked = {reader.key: truth.disliked_topics(reader, day) for reader in reader_of.values()}
    counts: Counter[bool] = Counter()
    for pk, public_id, _, _ in pages:
        union, reader = unions.get(pk), reader_of.get(public_id)
        if union and reader is not None:
            topics = (truth.items[row].topics[0] for row in truth.rows(np.array(union, np.int64)))
            counts.update(topic in disliked[reader.key] for topic in topics)
    return counts[True] / counts.total() if counts else None


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
