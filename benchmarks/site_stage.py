"""A made-up release of any size: what it says does not matter, how much there is to search and to hold does.

Items lie in clusters; the query tower begins as the mean of a history, so readers who like some clusters are answered
with those. Arrows of the graph stay within a cluster. Nothing is trained.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import torch

from retrieval.artefact import RetrieverArtefact
from retrieval.candidate_features import COUNTS, candidate_features
from retrieval.config import TwoTowerConfig
from retrieval.content import TOPICS, ItemContent
from retrieval.encoding import QueryEncoder
from retrieval.export import exported, exported_query
from retrieval.features import encode_table
from retrieval.ids import IdMap
from retrieval.index import Index, IndexConfig, Kind
from retrieval.query_state import QueryState
from retrieval.sources.covisitation import Covisitation, CovisitationConfig
from retrieval.sources.covisitation_graph import CovisitationGraph
from retrieval.sources.graph_walk import GraphWalk, GraphWalkConfig
from retrieval.sources.implicit_als import ImplicitAls, ImplicitAlsConfig
from retrieval.stage import FittedStage
from retrieval.stage_training import graph_config
from retrieval.towers import CandidateTower, QueryTower

SPREAD = 0.7
"""Of an item around its cluster's centre, beside a centre of length 1."""
ITEMS_A_CLUSTER = 200
LIKED = 3
"""Clusters, a reader."""
TUNED_WITH = 200
HISTORY = 100
WINDOW = timedelta(days=60)
LEAST_ARROW = 0.01


def cluster_of(num_items: int) -> np.ndarray:
    """(num_items,) int64: neighbours in the catalogue lie in different clusters."""
    return np.arange(num_items) % _num_clusters(num_items)


def history_rows(num_items: int, length: int, rng: np.random.Generator) -> np.ndarray:
    """(length,) int64 rows of items that somebody may have chosen who likes three clusters."""
    clusters = _num_clusters(num_items)
    liked = rng.choice(rng.choice(clusters, LIKED, replace=False), length)
    return liked + clusters * rng.integers(num_items // clusters, size=length)


def made_up_stage(
    items: pa.Table, item_topics: np.ndarray, config: TwoTowerConfig, *, until: datetime, seed: int
) -> FittedStage:
    """items: `ITEM_CONTENT`, item_id rising; only the first two are read.  item_topics: (num_items,) int32, of each its
    first, as a row of the hashed table."""
    rng = np.random.default_rng(seed)
    artefact = _artefact(items, item_topics, config, until, rng)
    index_config = IndexConfig(seed=seed)
    histories = _histories(artefact.item_ids, until, rng)
    graph = _graph(artefact.item_ids, rng)
    return FittedStage(
        artefact=artefact,
        index=_index(artefact, index_config, histories),
        covisitation=Covisitation.fit(graph, CovisitationConfig()),
        graph_walk=GraphWalk.fit(graph, GraphWalkConfig()),
        als=_als(artefact.item_ids, index_config, histories, rng),
    )


def another(fitted: FittedStage) -> FittedStage:
    """The same as the result of a later training: nothing that is loaded of the one serves the other."""
    later = fitted.artefact.trained_until + timedelta(minutes=1)
    return replace(fitted, artefact=replace(fitted.artefact, trained_until=later))


def _artefact(
    items: pa.Table, item_topics: np.ndarray, config: TwoTowerConfig, until: datetime, rng: np.random.Generator
) -> RetrieverArtefact:
    item_ids, towers = items["item_id"].to_numpy(), config.towers
    vectors = _clustered(len(item_ids), towers.dim, rng)
    topics = np.zeros((len(item_ids), TOPICS), np.int32)
    topics[:, 0] = item_topics
    counts = np.zeros((len(item_ids), COUNTS), np.float32)
    content = ItemContent.from_table(items.slice(0, 2), towers)
    nobody = pa.table({"state_at": pa.array([0, 0], pa.timestamp("us", tz="UTC"))})
    query, candidate = QueryTower(len(item_ids), towers), CandidateTower(len(item_ids), towers)
    for tower in (query, candidate):
        tower.start_at(torch.from_numpy(vectors))
    vectors_of_items = query.items.weight.detach().numpy()
    two_items = candidate_features(content, counts, until.timestamp(), np.array([0, 1]))
    return RetrieverArtefact(
        item_ids=item_ids,
        item_embeddings=vectors,
        item_topics=topics,
        item_counts=counts,
        query_items=vectors_of_items,
        query_tower=exported_query(query, vectors_of_items, encode_table(nobody, content, towers)),
        candidate_tower=exported(candidate, two_items.arrays()),
        weights={},
        config=config,
        trained_from=until - WINDOW,
        trained_until=until,
    )


def _clustered(num_items: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    """(num_items, dim) float32, unit norm."""
    clusters = cluster_of(num_items)
    centres = rng.standard_normal((clusters.max() + 1, dim), dtype=np.float32) / np.sqrt(dim)
    vectors = rng.standard_normal((num_items, dim), dtype=np.float32)
    vectors *= np.float32(SPREAD / np.sqrt(dim))
    vectors += centres[clusters]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _histories(item_ids: np.ndarray, until: datetime, rng: np.random.Generator) -> list[QueryState]:
    ages_s = np.arange(HISTORY, 0, -1, dtype=np.float32) * 3_600
    kinds = ("click",) * HISTORY
    chosen = (history_rows(len(item_ids), HISTORY, rng) for _ in range(TUNED_WITH))
    return [QueryState(until, item_ids[rows], kinds, ages_s) for rows in chosen]


def _graph(item_ids: np.ndarray, rng: np.random.Generator) -> CovisitationGraph:
    """As many arrows an item as training would keep, to items of its cluster as far as it goes, the strongest first."""
    num_items = len(item_ids)
    num_clusters = _num_clusters(num_items)
    arrows = min(graph_config(num_items).neighbours, num_items // num_clusters - 1)
    steps = 1 + rng.permutation(num_items // num_clusters - 1)[:arrows]
    neighbours = (np.arange(num_items, dtype=np.int32)[:, None] + (num_clusters * steps).astype(np.int32)) % num_items
    weights = np.tile(np.geomspace(1, LEAST_ARROW, arrows).astype(np.float32), num_items)
    return CovisitationGraph(
        items=IdMap(item_ids),
        starts=np.arange(num_items + 1, dtype=np.int64) * arrows,
        neighbours=neighbours.ravel(),
        weights=weights,
        masses=rng.gamma(2, 10, num_items) + 1,
    )


def _num_clusters(num_items: int) -> int:
    return max(LIKED, num_items // ITEMS_A_CLUSTER)


def _index(artefact: RetrieverArtefact, config: IndexConfig, histories: list[QueryState]) -> Index:
    queries = QueryEncoder.of(artefact).vectors(histories)
    return Index.build(artefact.item_embeddings, artefact.item_ids, config, queries=queries)


def _als(
    item_ids: np.ndarray, index_config: IndexConfig, histories: list[QueryState], rng: np.random.Generator
) -> ImplicitAls:
    config = ImplicitAlsConfig()
    factors = _clustered(len(item_ids), config.factors, rng)
    exact = factors.astype(np.float64)
    als = ImplicitAls(IdMap(item_ids), factors, exact.T @ exact + np.eye(config.factors), config)
    if index_config.kind_for(len(item_ids)) is Kind.EXACT:
        return als
    return als.with_index(index_config, histories)
