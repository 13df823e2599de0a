"""What the features of one request are read from: everything that several of them share, computed once, in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ranking.prepared_items import PreparedItems
from ranking.request import NONE, CandidateColumns, RankingRequest
from ranking.taste import LIKED, Taste

FUSION_K0 = 60.0
"""Of reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009)."""


@dataclass(frozen=True, eq=False)
class SourceFacts:
    """scores, ranks, percentiles: (sources, n) float32, NaN where a source did not name the candidate or, but for
    ranks, has no score.  counts: (n,) by how many it was named.  fusion: (n,) sum of 1 / (60 + rank from 1)."""

    scores: np.ndarray
    ranks: np.ndarray
    percentiles: np.ndarray
    counts: np.ndarray
    fusion: np.ndarray

    @classmethod
    def of(cls, candidates: CandidateColumns, sources: Sequence[str]) -> SourceFacts:
        scores = np.full((len(sources), len(candidates)), np.nan, np.float32)
        ranks = np.full((len(sources), len(candidates)), np.nan, np.float32)
        for row, name in enumerate(sources):
            if name in candidates.sources:
                says = candidates.sources[name]
                scores[row], ranks[row] = says.scores, says.ranks
        named = ranks == ranks  # noqa: PLR0124 - not NaN, in half the time of np.isnan and its inverse
        fusion = np.where(named, 1 / (FUSION_K0 + 1 + ranks), 0).sum(axis=0)
        return cls(scores, ranks, percentiles(scores), named.sum(axis=0), fusion)


def percentiles(scores: np.ndarray) -> np.ndarray:
    """(rows, n) float32: of the scores of its row, the share that is not higher: 1 for the best, among equals alike.

    scores: (rows, n) float32, contiguous; NaN for no score, which stays NaN.
    """
    places = _falling(scores)
    falling = scores.ravel()[places]
    above = np.zeros(scores.shape, np.float32)  # how many are higher
    np.copyto(above[:, 1:], np.arange(1, scores.shape[1]), where=falling[:, 1:] != falling[:, :-1])
    np.maximum.accumulate(above, axis=1, out=above)
    count = np.count_nonzero(scores == scores, axis=1)[:, None].astype(np.float32)  # noqa: PLR0124 - not NaN
    shares = np.empty(scores.size, np.float32)
    shares[places] = np.where(falling == falling, (count - above) / np.maximum(count, 1), np.nan)  # noqa: PLR0124
    return shares.reshape(scores.shape)


def _falling(scores: np.ndarray) -> np.ndarray:
    """(rows, n) int64, where in `scores.ravel()` each row's scores stand, the highest first, NaN last.

    With argsort, percentiles took three times as long. Here whole numbers are sorted that begin with the bits of the
    score, which order floating point numbers above 0 as they stand and those below 0 once turned over, and end with
    its place.
    """
    bits = (-scores).view(np.int32)
    keys = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits).astype(np.int64)
    keys[np.isnan(scores)] = 0x7FFFFFFF
    keys <<= 32
    keys |= np.arange(scores.size).reshape(scores.shape)
    keys.sort(axis=1)
    return keys & 0xFFFFFFFF


@dataclass(frozen=True, eq=False)
class Similarities:
    """(n,) each: inner products with the newest liked items, the mean of more of them, and the newest dismissal."""

    highest: np.ndarray
    mean: np.ndarray
    newest: np.ndarray
    lasting: np.ndarray
    dismissed: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray, taste: Taste) -> Similarities:
        """vectors: (n, dim) of the candidates."""
        if not vectors.shape[1]:
            return cls(*np.full((5, len(vectors)), np.nan, np.float32))
        parts = (taste.liked_vectors, taste.lasting_vector, taste.dismissed_vector)
        near = np.concatenate(parts) @ vectors.T  # (probes, n)
        missing = np.full(len(vectors), np.nan, np.float32)
        liked, recent = near[: len(taste.liked_vectors)], len(taste.liked_vectors)
        return cls(
            highest=liked.max(axis=0) if recent else missing,
            mean=liked.mean(axis=0) if recent else missing,
            newest=liked[-1] if recent else missing,
            lasting=near[recent] if recent else missing,
            dismissed=near[-1] if len(taste.dismissed_vector) else missing,
        )


@dataclass(frozen=True, eq=False)
class Facts:
    """One request, n candidates.

    items: (`ITEM_COLUMNS`, n).  ages_s: (n,) since publication; NaN where it is not known, or dated ahead of serving.
    topics: (4, n): shares of liking and of dismissing that the item's topics have together, how many of them are
    followed, and the liking of its most liked topic; NaN for an item without topics.
    authors, languages: (3, n) and (2, n) of `taste`; NaN for an item without.
    speaks: (n,) 1 where the reader reads the item's language, NaN where one of the two is not known.
    """

    request: RankingRequest
    taste: Taste
    sources: SourceFacts
    items: np.ndarray
    ages_s: np.ndarray
    topics: np.ndarray
    authors: np.ndarray
    languages: np.ndarray
    speaks: np.ndarray
    similarities: Similarities

    @classmethod
    def of(cls, request: RankingRequest, items: PreparedItems, sources: Sequence[str]) -> Facts:
        taste = Taste.of(request.reader, items)
        rows = items.table.rows_of(request.candidates.item_ids)
        authors, languages = items.authors[rows], items.languages[rows]
        ages_s = request.context.at_s - items.published_s[rows]
        ages_s[ages_s < 0] = np.nan
        by_author, by_language = taste.authors.at(authors), taste.languages[:, languages]
        by_author[:, authors == NONE] = np.nan
        by_language[:, languages == NONE] = np.nan
        return cls(
            request=request,
            taste=taste,
            sources=SourceFacts.of(request.candidates, sources),
            items=items.columns[rows].T,
            ages_s=ages_s,
            topics=_topics(rows, items, taste),
            authors=by_author,
            languages=by_language,
            speaks=_speaks(languages, request.reader.languages),
            similarities=Similarities.of(items.vectors_of(rows), taste),
        )


def _topics(rows: np.ndarray, items: PreparedItems, taste: Taste) -> np.ndarray:
    """(4, n); see `Facts.topics`."""
    topics, counts = items.topics_of(rows)
    found = np.full((4, len(rows)), np.nan)
    if len(topics):
        has_topics = counts > 0
        values = taste.topics[:, topics]  # (3, all topics of all candidates)
        starts = (counts.cumsum() - counts)[has_topics]
        found[:3, has_topics] = np.add.reduceat(values, starts, axis=1)
        found[3, has_topics] = np.maximum.reduceat(values[LIKED], starts)
    return found


def _speaks(languages: np.ndarray, read: np.ndarray) -> np.ndarray:
    """(n,) float32."""
    if not len(read):
        return np.full(len(languages), np.nan, np.float32)
    speaks = (languages[:, None] == read).any(axis=1).astype(np.float32)
    speaks[languages == NONE] = np.nan
    return speaks
