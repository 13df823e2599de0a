"""Three windows in time, so that no stage grades its own homework: what is learned, what is labelled, what is measured.

T1 < T2 < T3. A shadow of retrieval learns what happened before T1, the ranker from label events in [T1, T2) that the
shadow was asked about, the released retrieval what happened before T2, and the gate measures on [T2, T3).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np

RECENT_DAYS = (1, 3, 7, 14)
"""Lengths of a recent gate window; the shortest that holds enough is taken."""

HISTORY_SHARE = 0.1
"""Of all events, those that a gate measures on where a catalogue came with its history."""

LABEL_SHARE = 0.1
"""Of all events, those before the gate window that the ranker learns from; at least as many as a gate needs."""

_DAY_S = 86_400.0


class WindowKind(StrEnum):
    RECENT = "recent"
    HISTORY = "history"


@dataclass(frozen=True)
class GateNeeds:
    """So many readers with an event before the gate window, and so many positives, must lie in it."""

    readers: int = 300
    positives: int = 1_000


@dataclass(frozen=True)
class Windows:
    """t1, t2, t3: as at the head of this file, UTC.  kind: of the gate window.
    readers: who chose something in [t2, t3) and had chosen before t2.  positives: events in [t2, t3).
    labels: events in [t1, t2).  learned: events before t2, which is what the released retrieval learns from."""

    t1: datetime
    t2: datetime
    t3: datetime
    kind: WindowKind
    readers: int
    positives: int
    labels: int
    learned: int


@dataclass(frozen=True)
class NoWindows:
    """why: a sentence; nothing can be measured yet, so nothing is trained."""

    why: str


def choose_windows(
    happened_s: np.ndarray,
    reader_ids: np.ndarray,
    imported: np.ndarray,
    *,
    now: datetime,
    needs: GateNeeds,
    not_before: datetime | None = None,
) -> Windows | NoWindows:
    """Windows over positive events, chosen before anything is trained.

    happened_s: (n,) float64 seconds since 1970 UTC, never falling.  reader_ids: (n,) int64.  imported: (n,) bool.
    not_before: T2 does not lie before it: the newest that a compared release has learned from.

    The gate window is the shortest of `RECENT_DAYS` before `now` that holds what it needs. Where the site's own events
    are too few for that, but there is imported history, it is the last tenth of all events, however many those are: a
    data set's readers come and go, and few of those in it were there before. Where T2 had to be moved on to
    `not_before`, such a window must hold what a recent one needs.
    Raises ValueError for times that fall.
    """
    _check(happened_s, reader_ids, imported)
    known = int(np.searchsorted(happened_s, now.timestamp()))
    happened_s, reader_ids, imported = happened_s[:known], reader_ids[:known], imported[:known]
    if not known:
        return NoWindows("Nothing was chosen yet, so there is nothing to learn from.")
    earliest_s = -np.inf if not_before is None else not_before.timestamp()
    events = _Events(happened_s, reader_ids, now)
    for days in RECENT_DAYS:
        t2_s = max(now.timestamp() - days * _DAY_S, earliest_s)
        if events.suffice(t2_s, needs, ~imported):
            return events.windows(t2_s, WindowKind.RECENT, needs) or _too_little_before(t2_s)
    if imported.any():
        tenth_s = float(happened_s[int(known * (1 - HISTORY_SHARE))])
        t2_s = max(tenth_s, earliest_s)
        if t2_s == tenth_s or events.suffice(t2_s, needs):
            return events.windows(t2_s, WindowKind.HISTORY, needs) or _too_little_before(t2_s)
    return NoWindows(events.lack(max(now.timestamp() - RECENT_DAYS[-1] * _DAY_S, earliest_s), needs))


@dataclass(frozen=True, eq=False)
class _Events:
    happened_s: np.ndarray
    reader_ids: np.ndarray
    now: datetime

    def suffice(self, t2_s: float, needs: GateNeeds, counted: np.ndarray | None = None) -> bool:
        """counted: (n,) bool, which events count; None for all."""
        readers, positives = self.within(t2_s, counted)
        return readers >= needs.readers and positives >= needs.positives

    def within(self, t2_s: float, counted: np.ndarray | None = None) -> tuple[int, int]:
        """Readers with an event before `t2_s` among those with one from then on, and events from then on."""
        begin = self._place(t2_s)
        later = self.reader_ids[begin:] if counted is None else self.reader_ids[begin:][counted[begin:]]
        return len(np.intersect1d(later, self.reader_ids[:begin])), len(later)

    def windows(self, t2_s: float, kind: WindowKind, needs: GateNeeds) -> Windows | None:
        """None where too little happened before T2 to be divided into what is learned and what is labelled."""
        second = self._place(t2_s)
        labels = min(max(needs.positives, round(LABEL_SHARE * len(self.happened_s))), second // 2)
        t1_s = float(self.happened_s[second - labels])
        first = self._place(t1_s)  # earlier where several events are of one moment
        if not 0 < first < second < len(self.happened_s):
            return None
        readers, positives = self.within(t2_s)
        return Windows(
            _moment(t1_s), _moment(t2_s), self.now, kind, readers, positives, labels=second - first, learned=second
        )

    def lack(self, t2_s: float, needs: GateNeeds) -> str:
        readers, positives = self.within(t2_s)
        return (
            f"Since {_moment(t2_s):%Y-%m-%d %H:%M} {positives:,} positives came from {readers:,} readers who had "
            f"chosen something before; a gate needs {needs.positives:,} from {needs.readers:,}. The live release stays."
        )

    def _place(self, time_s: float) -> int:
        return int(np.searchsorted(self.happened_s, time_s))


def _too_little_before(t2_s: float) -> NoWindows:
    return NoWindows(f"Too little happened before {_moment(t2_s):%Y-%m-%d %H:%M} to learn from. Wait for more.")


def _moment(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)


def _check(happened_s: np.ndarray, reader_ids: np.ndarray, imported: np.ndarray) -> None:
    if not len(happened_s) == len(reader_ids) == len(imported):
        raise ValueError(
            f"{len(happened_s)} times, {len(reader_ids)} readers and {len(imported)} marks of imports must be parallel."
        )
    if (np.diff(happened_s) < 0).any():
        raise ValueError("Times must not fall. Sort the events by time.")
