"""A made-up catalogue and made-up requests, with a relevance that features can tell: to time ranking, and to see what a
cheaper model loses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ranking.features import FeatureSet, build_features
from ranking.prepared_items import PreparedItems
from ranking.request import (
    NONE,
    WINDOWS,
    CandidateColumns,
    Context,
    ItemTable,
    RankingRequest,
    ReaderState,
    SourceColumns,
)

SOURCES = ("covisitation", "followed", "fresh", "graph_walk", "popular", "two_tower")
NUM_TOPICS, NUM_AUTHORS, DIM = 60, 2_000, 64
HISTORY = 100
AT_S = 1_800_000_000.0

_DAY_S = 86_400.0
_BEST = 5
"""So many candidates of a visit have the highest grade, however many there are to find them among; as many the next
one, twice as many the third."""

_NAMED = 0.4
"""The share of the candidates that a source names."""


@dataclass(frozen=True, eq=False)
class World:
    """tastes: (topics, DIM), where the items of a topic lie."""

    items: PreparedItems
    feature_set: FeatureSet
    tastes: np.ndarray
    quality: np.ndarray

    @classmethod
    def drawn(cls, num_items: int, rng: np.random.Generator) -> World:
        tastes = _unit(rng.normal(size=(NUM_TOPICS, DIM)))
        counts = rng.integers(0, 5, num_items)
        offsets = np.concatenate([[0], counts.cumsum()])
        topics = rng.integers(0, NUM_TOPICS, offsets[-1]).astype(np.int32)
        main = np.where(counts > 0, topics[np.minimum(offsets[:-1], len(topics) - 1)], 0)
        quality = rng.normal(size=num_items).astype(np.float32)
        views = rng.gamma(0.5, 40, (len(WINDOWS), num_items)).cumsum(axis=0).astype(np.float32)
        clicks = (views / (1 + np.exp(2.5 - quality))).round()
        table = ItemTable(
            item_ids=np.cumsum(rng.integers(1, 4, num_items)),
            topic_offsets=offsets,
            topics=topics,
            authors=rng.integers(NONE, NUM_AUTHORS, num_items).astype(np.int32),
            languages=rng.integers(NONE, 4, num_items).astype(np.int16),
            published_s=AT_S - rng.exponential(60 * _DAY_S, num_items),
            views=views,
            clicks=clicks.astype(np.float32),
            dismissals=(0.02 * views).astype(np.float32),
            popularity=(clicks[-1].argsort().argsort() / num_items).astype(np.float32),
            vectors=_unit(tastes[main] + 0.1 * rng.normal(size=(num_items, DIM))),
        )
        return cls(PreparedItems.of(table), FeatureSet.of(SOURCES), tastes, quality)

    def request(self, num_candidates: int, rng: np.random.Generator) -> RankingRequest:
        """Of a reader who likes two topics and has chosen what lies near to them."""
        table = self.items.table
        wanted = _unit(self.tastes[rng.choice(NUM_TOPICS, 2, replace=False)].sum(axis=0))
        chosen = rng.choice(len(table), min(20 * HISTORY, len(table)), replace=False)
        chosen = chosen[np.argsort(-(table.vectors[chosen] @ wanted))[:HISTORY]]
        rng.shuffle(chosen)
        rows = rng.choice(len(table), num_candidates, replace=False)
        near = table.vectors[rows] @ wanted
        return RankingRequest(
            candidates=CandidateColumns(
                item_ids=table.item_ids[rows],
                sources={source: _named(near, self.quality[rows], rng) for source in SOURCES},
                times_viewed=rng.poisson(0.3, num_candidates).astype(np.float32),
                covisited=np.maximum(near + rng.normal(0, 0.3, num_candidates), 0).astype(np.float32),
            ),
            reader=ReaderState(
                history=table.item_ids[chosen],
                ages_s=np.sort(rng.exponential(20 * _DAY_S, len(chosen)))[::-1].astype(np.float32),
                gains=rng.choice([1, 2, 3, -1], len(chosen), p=[0.6, 0.1, 0.2, 0.1]).astype(np.float32),
                topics=rng.choice(NUM_TOPICS, 3, replace=False).astype(np.int32),
                authors=rng.choice(NUM_AUTHORS, 3, replace=False).astype(np.int32),
                languages=np.array([0, 1], np.int16),
                tenure_s=float(rng.exponential(200 * _DAY_S)),
            ),
            context=Context(AT_S, float(rng.uniform(0, 24)), int(rng.integers(7)), "home", int(rng.integers(1, 5))),
        )


@dataclass(frozen=True, eq=False)
class Judged:
    """requests: one a visit.  features: theirs, (visits, candidates, F) float32.  grades: (visits, candidates) int from
    0 to 3."""

    requests: Sequence[RankingRequest]
    features: np.ndarray
    grades: np.ndarray

    @classmethod
    def drawn(cls, world: World, num_visits: int, num_candidates: int, rng: np.random.Generator) -> Judged:
        """Whoever likes an item likes it for its topics, its quality, its age and the hour together, and by chance."""
        requests = [world.request(num_candidates, rng) for _ in range(num_visits)]
        features = np.stack([build_features(request, world.items, world.feature_set) for request in requests])
        column = {name: features[:, :, place] for place, name in enumerate(world.feature_set.names)}
        quality = np.stack([world.quality[world.items.table.rows_of(one.candidates.item_ids)] for one in requests])
        utility = (
            10 * np.nan_to_num(column["similarity_lasting"])
            + 2 * np.nan_to_num(column["topic_liked"])
            + 0.5 * quality
            - 0.3 * np.log1p(column["age_hours"]) * (column["hour"] > 12)
            - 0.5 * column["times_viewed"]
            + rng.gumbel(0, 0.5, quality.shape)
        )
        places = (-utility).argsort(axis=1).argsort(axis=1)
        grades = (places < _BEST).astype(int) + (places < 2 * _BEST) + (places < 4 * _BEST)
        return cls(requests, features, grades)

    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(rows, F), (rows,) grades and (visits,) how many rows each has: what LightGBM is trained on."""
        visits, candidates, width = self.features.shape
        return self.features.reshape(-1, width), self.grades.ravel(), np.full(visits, candidates)


def gains(grades: np.ndarray) -> np.ndarray:
    """What a choice is worth, as LightGBM counts it."""
    return np.exp2(grades) - 1


def _named(near: np.ndarray, quality: np.ndarray, rng: np.random.Generator) -> SourceColumns:
    """A source of its own mind between nearness and quality, which names the best of what it sees."""
    scores = (near + rng.uniform(0, 0.5) * quality + rng.normal(0, 0.5, len(near))).astype(np.float32)
    ranks = (-scores).argsort().argsort().astype(np.float32)
    unnamed = ranks >= max(1, _NAMED * len(near))
    return SourceColumns(np.where(unnamed, np.nan, scores), np.where(unnamed, np.nan, ranks))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
