"""Which events teach a ranker where a catalogue arrives with history, but without impressions (`ranking.bootstrap`).

Each reader's last events of what may be learned from become labels, each beside the history that was there just
before it, as protocols A and B will ask; or a random fifth of them, at once, as C does. Nothing here looks at what a
split asks.
"""

from __future__ import annotations

import numpy as np

from benchmarks.retrieval_protocols import Queries, RowLists, Split
from benchmarks.retrieval_ratings import DataError, Ratings
from ranking.bootstrap import LEAST_EVENTS, label_events

LABEL_EVENTS = 10
LEAST_ROWS = 20
"""Readers with fewer events keep them all: a history must be left."""

MOST_LABELS = 10_000

_SHARE_HELD = 0.2
_SEED = 17
_JUST_AFTER_S = 1.0


def label_split(dataset: Ratings, split: Split, *, most: int = MOST_LABELS) -> Split:
    """A split of `split.train_rows`: train_rows for the shadow sources, queries for the ranker, a group each.

    The labels of so many readers, drawn at random, as have at most `most` together. A label event is in nobody's
    training rows; other readers' events later than it are, as they are in the test.
    Raises DataError where no reader has events enough.
    """
    rows = _by_reader(dataset, split.train_rows)
    at_random = split.name.startswith("C")
    is_label = _random_labels(dataset, rows) if at_random else _last_labels(dataset, rows)
    is_label &= _of_drawn_readers(dataset.interactions.reader_ids[rows], is_label, most)
    if not is_label.any():
        raise DataError(f"{dataset.name}: no reader has {LEAST_ROWS} events to learn from, so none can become labels.")
    queries = (_at_once if at_random else _one_by_one)(dataset, rows, is_label)
    return Split(f"{split.name} labels", np.sort(rows[~is_label]), queries)


def _by_reader(dataset: Ratings, rows: np.ndarray) -> np.ndarray:
    """Reader by reader, each one's in order of time."""
    return rows[np.argsort(dataset.interactions.reader_ids[rows], kind="stable")]


def _last_labels(dataset: Ratings, rows: np.ndarray) -> np.ndarray:
    """(rows,) bool. What happened in the same second as a label is one too: nobody knows which came first."""
    readers = dataset.interactions.reader_ids[rows]
    labels = label_events(readers, dataset.interactions.times_s[rows], least=LABEL_EVENTS)
    return labels & _has_enough(readers)


def _random_labels(dataset: Ratings, rows: np.ndarray) -> np.ndarray:
    """(rows,) bool, of each reader a fifth."""
    readers = dataset.interactions.reader_ids[rows]
    _, reader, counts = np.unique(readers, return_inverse=True, return_counts=True)
    order = np.lexsort((np.random.default_rng(_SEED).random(len(rows)), reader))
    place = np.empty(len(rows), np.int64)  # in its reader's random order
    place[order] = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    wanted = np.maximum(np.rint(_SHARE_HELD * counts), LEAST_EVENTS)
    return (place < wanted[reader]) & _has_enough(readers)


def _has_enough(readers: np.ndarray) -> np.ndarray:
    _, reader, counts = np.unique(readers, return_inverse=True, return_counts=True)
    return (counts >= LEAST_ROWS)[reader]


def _of_drawn_readers(readers: np.ndarray, is_label: np.ndarray, most: int) -> np.ndarray:
    """(rows,) bool: whole readers only, or the same person's tastes would be both learned and not."""
    drawn, labels = np.unique(readers[is_label], return_counts=True)
    order = np.random.default_rng([_SEED, 1]).permutation(len(drawn))
    return np.isin(readers, drawn[order][np.cumsum(labels[order]) <= most])


def _one_by_one(dataset: Ratings, rows: np.ndarray, is_label: np.ndarray) -> Queries:
    """Every label asked for with all that came before it, also the labels before it."""
    places = np.flatnonzero(is_label)
    readers = dataset.interactions.reader_ids[rows]
    return Queries(
        readers[places],
        dataset.interactions.times_s[rows[places]],
        RowLists(rows, np.searchsorted(readers, readers[places]), places),
        RowLists(rows, places, places + 1),
    )


def _at_once(dataset: Ratings, rows: np.ndarray, is_label: np.ndarray) -> Queries:
    """All labels of a reader asked for just after what is left of the history."""
    kept, held = rows[~is_label], rows[is_label]
    kept_readers, held_readers = (dataset.interactions.reader_ids[part] for part in (kept, held))
    asking = np.unique(held_readers)
    stops = np.searchsorted(kept_readers, asking, side="right")
    return Queries(
        asking,
        dataset.interactions.times_s[kept[stops - 1]] + _JUST_AFTER_S,
        RowLists(kept, np.searchsorted(kept_readers, asking), stops),
        RowLists(held, np.searchsorted(held_readers, asking), np.searchsorted(held_readers, asking, side="right")),
    )
