"""Before there are impressions: which events of a history become labels, and when impressions take over.

Building the rows (candidates of sources that are blind to all label events, features of a history that is fresh up to
each) is the caller's; `Visits` checks that no row looks ahead.
"""

from __future__ import annotations

import numpy as np

from ranking.visits import Visits

LEAST_EVENTS = 5
"""Label events of a reader."""

LEAST_VISITS = 2_000
"""Finished visits with a click, from which on a ranker is trained on impressions."""


def label_events(
    reader_ids: np.ndarray, times_s: np.ndarray, *, since_s: float | None = None, least: int = LEAST_EVENTS
) -> np.ndarray:
    """(n,) bool: which events are labels. Sources are fitted on the others of the time before, and only on them.

    reader_ids: (n,) int64.  times_s: (n,) float64, in any order.
    With `since_s`: everything from then on, of readers with at least `least` such events: one moment for all, as when
    a site was watched until then. Without: of each reader the last `least`, and what happened in the same moment as the
    first of those, since nobody knows which came first. Readers without an event before their labels have none.
    """
    _check(times_s, reader_ids, least)
    if not len(reader_ids):
        return np.zeros(0, bool)
    _, reader = np.unique(reader_ids, return_inverse=True)
    order = np.lexsort((times_s, reader))
    counts = np.bincount(reader)
    if since_s is None:
        at = np.cumsum(counts) - np.minimum(least, counts)  # in order: the first of the last `least`
        starts_s = np.where(counts >= least, times_s[order][at], np.inf)
    else:
        starts_s = np.where(np.bincount(reader, times_s >= since_s) >= least, since_s, np.inf)
    has_past = times_s[order][np.cumsum(counts) - counts] < starts_s
    return (times_s >= starts_s[reader]) & has_past[reader]


def impressions_suffice(visits_with_click: int) -> bool:
    """A ranker may be trained on impressions; it takes over once it beats the bootstrap one on later ones
    (`Goals.lead`)."""
    return visits_with_click >= LEAST_VISITS


def visits_with_click(visits: Visits) -> int:
    """Of impressions; a bootstrap has none."""
    return 0 if visits.assumed else int(visits.has_positive.sum())


def _check(times_s: np.ndarray, reader_ids: np.ndarray, least: int) -> None:
    if times_s.shape != reader_ids.shape or np.isnan(times_s).any():
        raise ValueError(f"times_s {times_s.shape} must be known, one an event of reader_ids {reader_ids.shape}.")
    if least < 1:
        raise ValueError(f"least is {least}, but a reader with labels has at least one.")
