"""Type 1 and type 2: of what readers opened by any way, how much their feed had not retrieved, and how much it had
retrieved and not shown."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.db import connection

from feedback.surfaces import Surface
from feedback.uuid7 import first_uuid7
from feedback.visits import LONGEST_VISIT
from recsite.models import FoundDay
from recsite.staff.intervals import UNKNOWN, Interval, independent_rate, jackknife

Outcome = FoundDay.Outcome
OUTCOMES = (Outcome.SHOWN, Outcome.RANKED_LOW, Outcome.REMOVED, Outcome.NOT_RETRIEVED, Outcome.UNKNOWN)
_SHOWN, _LOW, _REMOVED, _MISSED, _UNKNOWN = range(len(OUTCOMES))

ELSEWHERE = tuple(way for way in Surface if way != Surface.HOME)
"""By other ways than a card of the feed, which by itself was shown."""

Key = int | str | bool
By = dict[Key, "Found"]


@dataclass(frozen=True, eq=False)
class Found:
    """counts: (days, outcomes) int64 clicks, by the order of `OUTCOMES`."""

    counts: np.ndarray

    @property
    def clicks(self) -> int:
        return int(self.counts.sum())

    def count(self, outcome: str) -> int:
        return int(self.counts[:, OUTCOMES.index(Outcome(outcome))].sum())

    @property
    def shown(self) -> Interval:
        return jackknife(self.counts, shown_share)

    @property
    def type_1(self) -> Interval:
        return jackknife(self.counts, type_1_share)

    @property
    def type_2(self) -> Interval:
        return jackknife(self.counts, type_2_share)

    def of_day(self, day: int, share: str) -> Interval:
        """share: "shown", "type_1", "type_2". Of one day, clicks are taken for independent of each other.

        Of what was not shown some is not known, and types 1 and 2 are shared out by the rest: they are as sure as if
        there were fewer clicks by as much. That is too wide rather than too narrow, for what was shown is known of all.
        """
        counts = self.counts[day]
        value = float(_SHARES[share](counts))
        if np.isnan(value):
            return UNKNOWN
        clicks = float(counts.sum()) * (1.0 if share == "shown" else _known_of_not_shown(counts))
        bounds = independent_rate(value * clicks, clicks)
        return Interval(value, bounds.lower, bounds.upper)


def shown_share(counts: np.ndarray) -> np.ndarray:
    """Of all clicks: whether the feed showed it is known even where no candidates were kept.

    counts: (..., outcomes), here and below. Returns (...) float64, NaN where nothing is known.
    """
    return _ratio(counts[..., _SHOWN], counts.sum(axis=-1))


def type_1_share(counts: np.ndarray) -> np.ndarray:
    """Not retrieved, of all clicks; those not known are shared out as the others that were not shown."""
    return _of_not_shown(counts, counts[..., _MISSED])


def type_2_share(counts: np.ndarray) -> np.ndarray:
    """Retrieved, then ranked low or removed, of all clicks; those not known as above."""
    return _of_not_shown(counts, counts[..., _LOW] + counts[..., _REMOVED])


def _of_not_shown(counts: np.ndarray, these: np.ndarray) -> np.ndarray:
    clicks = counts.sum(axis=-1)
    not_shown = clicks - counts[..., _SHOWN]
    found = _ratio(not_shown, clicks) * _ratio(these, not_shown - counts[..., _UNKNOWN])
    return np.where((not_shown == 0) & (clicks > 0), 0.0, found)


def _known_of_not_shown(counts: np.ndarray) -> float:
    """1 where everything was shown. counts: (outcomes,)"""
    not_shown = counts.sum() - counts[_SHOWN]
    return float(1 - counts[_UNKNOWN] / not_shown) if not_shown else 1.0


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    """NaN for nothing over nothing, and something over it."""
    return np.divide(over, under, out=np.full(np.shape(under), np.nan), where=np.asarray(under) != 0)


_SHARES = {"shown": shown_share, "type_1": type_1_share, "type_2": type_2_share}


@dataclass(frozen=True)
class Board:
    """days: each of the span, rising.  all: of the chosen ways.  by_way: of every way there is."""

    days: Sequence[date]
    all: Found
    by_way: By
    by_topic: By
    by_cold: By


# One pass over the days, summed three ways. `way` is summed of all clicks, the others of the chosen ones.
_BOARD = """
    SELECT way, topic_id, is_cold, day, outcome, sum(clicks), sum(clicks) FILTER (WHERE way = ANY(%(ways)s))
    FROM recsite_foundday WHERE day >= %(first)s AND day <= %(last)s
    GROUP BY GROUPING SETS ((way, day, outcome), (topic_id, day, outcome), (is_cold, day, outcome))
"""


def read_board(*, last: date, days: int, ways: Sequence[str]) -> Board:
    """Of the `days` days (UTC) that end with `last`. ways: of `Surface`."""
    span = [last - timedelta(days=days - 1 - number) for number in range(days)]
    place = {day: number for number, day in enumerate(span)}
    column = {str(outcome): number for number, outcome in enumerate(OUTCOMES)}
    by_way, by_topic, by_cold = _Counts(days), _Counts(days), _Counts(days)
    with connection.cursor() as cursor:
        cursor.execute(_BOARD, {"first": span[0], "last": last, "ways": [str(way) for way in ways]})
        for way, topic_id, is_cold, day, outcome, everything, chosen in cursor.fetchall():
            at = place[day], column[outcome]
            if way is not None:
                by_way.add(way, at, everything)
            elif chosen:
                counts, key = (by_cold, is_cold) if topic_id is None else (by_topic, topic_id)
                counts.add(key, at, chosen)
    together = sum(by_cold.values(), np.zeros((days, len(OUTCOMES)), int))
    return Board(span, Found(together), by_way.sorted(), by_topic.sorted(), by_cold.sorted())


class _Counts(dict[Key, np.ndarray]):
    """(days, outcomes) int64 by key."""

    def __init__(self, days: int) -> None:
        super().__init__()
        self._days = days

    def add(self, key: Key, at: tuple[int, int], clicks: int) -> None:
        if key not in self:
            self[key] = np.zeros((self._days, len(OUTCOMES)), int)
        self[key][at] += clicks

    def sorted(self) -> By:
        """The most opened first."""
        return {key: Found(self[key]) for key in sorted(self, key=lambda key: -int(self[key].sum()))}


# --- examples ---

RECENT = 5_000
"""Among so many of the newest interactions, whatever they are, examples are looked for."""
LOOKED_AT = 300
"""So many clicks at most: each asks for a slate and its candidates."""


@dataclass(frozen=True)
class Miss:
    """A click on what the feed had not retrieved for that reader. slate_id: the last home slate before it."""

    at: datetime
    way: str
    reader: uuid.UUID
    item_id: int
    title: str
    slate_id: uuid.UUID


_RECENT = """
    SELECT id, happened_at FROM (
        SELECT id, happened_at, kind, surface, visit_id, undone_at, excluded FROM feedback_interaction
        WHERE happened_at <= %(now)s ORDER BY happened_at DESC LIMIT %(recent)s
    ) AS recent
    WHERE kind = 'click' AND surface = ANY(%(ways)s) AND visit_id IS NOT NULL AND undone_at IS NULL
        AND excluded IS NULL
    ORDER BY happened_at DESC LIMIT %(looked_at)s
"""

# As recsite/counting/found.py has it, but from a handful of clicks, and only of readers who are what their cookie says:
# slates are found by their reader. Each LIMIT keeps PostgreSQL from reading a whole partition instead of one row.
_MISSES = """
    SELECT click.happened_at, click.surface, reader.public_id, item.id, item.title, slate.id
    FROM feedback_interaction AS click
        JOIN catalog_reader AS reader ON reader.id = click.reader_id
        JOIN catalog_item AS item ON item.id = click.item_id
        JOIN LATERAL (
            SELECT id FROM feedback_slate
            WHERE reader_public_id = reader.public_id AND id >= %(first)s AND id < %(last)s
                AND visit_id = click.visit_id AND surface = 'home' AND excluded IS NULL
                AND date_trunc('milliseconds', served_at) <= click.happened_at
            ORDER BY id DESC LIMIT 1
        ) AS slate ON TRUE
        JOIN LATERAL (
            SELECT union_items, removed_items FROM feedback_slatedetail
            WHERE slate_id = slate.id AND slate_id >= %(first)s AND slate_id < %(last)s
            LIMIT 1
        ) AS detail ON TRUE
    WHERE click.id = ANY(%(clicks)s) AND detail.union_items IS NOT NULL
        AND NOT click.item_id = ANY(detail.union_items)
        AND NOT click.item_id = ANY(coalesce(detail.removed_items, '{}'))
        AND NOT EXISTS (
            SELECT FROM feedback_slate
            WHERE reader_public_id = reader.public_id AND id >= %(first)s AND id < %(last)s
                AND visit_id = click.visit_id AND surface = 'home' AND excluded IS NULL
                AND date_trunc('milliseconds', served_at) <= click.happened_at AND click.item_id = ANY(items)
        )
        AND NOT EXISTS (
            SELECT FROM feedback_interaction AS earlier
            WHERE earlier.reader_id = click.reader_id AND earlier.kind = 'click'
                AND earlier.item_id = click.item_id AND earlier.happened_at < click.happened_at
        )
    ORDER BY click.happened_at DESC LIMIT %(most)s
"""


def newest_misses(*, now: datetime, ways: Iterable[str], most: int = 20) -> list[Miss]:
    """What was not retrieved, the newest first, among the newest interactions: there may be older ones."""
    with connection.cursor() as cursor:
        cursor.execute(
            _RECENT, {"now": now, "ways": [str(way) for way in ways], "recent": RECENT, "looked_at": LOOKED_AT}
        )
        clicks = dict(cursor.fetchall())
    if not clicks:
        return []
    bounds: dict[str, Any] = {
        "clicks": list(clicks),
        "first": first_uuid7(min(clicks.values()) - LONGEST_VISIT),
        "last": first_uuid7(max(clicks.values()) + timedelta(milliseconds=1)),
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MISSES, bounds)
        return [Miss(*row) for row in cursor.fetchall()]
