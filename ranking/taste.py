"""What a reader's history says of topics, authors, languages and nearness: computed once a request."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ranking.keyed_sums import KeyedSums
from ranking.prepared_items import PreparedItems
from ranking.request import NONE, ReaderState

HISTORY_LIMIT = 500
"""So many of the newest choices make a taste, so that no history makes a request slow."""

TASTE_HALF_LIFE_S = 30 * 86_400.0
"""A choice counts half as much after so long."""

RECENT, LASTING = 5, 50
"""Liked items, the newest, that a candidate is compared with."""

LIKED, DISMISSED, FOLLOWED = range(3)
"""Rows of `Taste.topics`; the first two of its languages, all of its authors."""


@dataclass(frozen=True, eq=False)
class Taste:
    """The share of the liking and of the dismissing, each choice weighed by its gain and age; NaN where there is none.

    topics: (3, num_topics), an item's weight divided among its topics; in the last row 1 for one that is followed.
    authors: the same by author.  languages: (2, languages + 1), the last for an item whose language is not known.
    liked_vectors: (at most `RECENT`, dim), the newest last.  lasting_vector: (at most 1, dim) mean of up to `LASTING`.
    dismissed_vector: (at most 1, dim) of the newest dismissal.  breadth: as if so many topics had been liked equally,
    e to the entropy of their shares; NaN where none was.
    """

    topics: np.ndarray
    authors: KeyedSums
    languages: np.ndarray
    liked_vectors: np.ndarray
    lasting_vector: np.ndarray
    dismissed_vector: np.ndarray
    breadth: float

    @classmethod
    def of(cls, reader: ReaderState, items: PreparedItems) -> Taste:
        rows = items.table.rows_of(reader.history[-HISTORY_LIMIT:])
        known = rows != NONE
        rows, gains = rows[known], reader.gains[-HISTORY_LIMIT:][known]
        weights = np.multiply(gains, _decay(reader.ages_s[-HISTORY_LIMIT:][known]), dtype=np.float64)
        weights = np.stack([np.maximum(weights, 0), np.maximum(-weights, 0)])  # (2, m)
        totals = weights.sum(axis=1, keepdims=True)
        weights /= np.where(totals > 0, totals, 1)  # shares
        nothing = np.where(totals > 0, 0, np.nan)  # (2, 1)
        compared = np.concatenate([rows[gains > 0][-LASTING:], rows[gains < 0][-1:]])
        num_liked = min(int((gains > 0).sum()), LASTING)
        vectors = items.vectors_of(compared)
        topics = _topics(rows, weights, items)
        followed = np.zeros((1, topics.shape[1]))
        followed[:, items.known_topics(reader.topics)] = 1
        return cls(
            topics=np.concatenate([topics + nothing, followed]),
            authors=_authors(items.authors[rows], weights, nothing, reader.authors),
            languages=_languages(items.languages[rows], weights, items) + nothing,
            liked_vectors=vectors[max(0, num_liked - RECENT) : num_liked],
            lasting_vector=_mean(vectors[:num_liked]),
            dismissed_vector=vectors[num_liked:],
            breadth=_breadth(topics[LIKED]),
        )


def _decay(ages_s: np.ndarray) -> np.ndarray:
    return np.exp2(ages_s * (-1 / TASTE_HALF_LIFE_S))


def _topics(rows: np.ndarray, weights: np.ndarray, items: PreparedItems) -> np.ndarray:
    """(2, num_topics)."""
    topics, counts = items.topics_of(rows)
    divided = np.repeat(weights / np.maximum(counts, 1), counts, axis=1)
    return np.stack([np.bincount(topics, side, len(items.topic_ids)) for side in divided])


def _languages(languages: np.ndarray, weights: np.ndarray, items: PreparedItems) -> np.ndarray:
    """(2, languages + 1)."""
    unknown = items.num_languages
    places = np.where(languages == NONE, unknown, languages)
    return np.stack([np.bincount(places, side, unknown + 1) for side in weights])


def _authors(authors: np.ndarray, weights: np.ndarray, nothing: np.ndarray, followed: np.ndarray) -> KeyedSums:
    """Of a taste. A follow counts once, and adds to neither share."""
    values = np.zeros((3, len(authors) + len(followed)))
    values[:FOLLOWED, : len(authors)] = weights
    values[FOLLOWED, len(authors) :] = 1
    sums = KeyedSums.of(np.concatenate([authors, followed]), values)
    sums.sums[:FOLLOWED] += nothing
    np.minimum(sums.sums[FOLLOWED], 1, out=sums.sums[FOLLOWED])
    return sums


def _mean(vectors: np.ndarray) -> np.ndarray:
    """(at most 1, dim)."""
    return vectors.mean(axis=0, keepdims=True) if len(vectors) else vectors


def _breadth(liking: np.ndarray) -> float:
    liking = liking[liking > 0]
    if not len(liking):
        return float("nan")
    shares = liking / liking.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
