from __future__ import annotations

from datetime import UTC, datetime, timedelta

import faiss
import numpy as np
import pyarrow as pa
import pytest

from benchmarks.feed_bare import bare_search
from benchmarks.site_stage import another, cluster_of, history_rows, made_up_stage
from retrieval.config import TowerConfig, TwoTowerConfig
from retrieval.content import ITEM_CONTENT
from retrieval.query_state import QueryState
from retrieval.stage import FittedStage

UNTIL = datetime(2026, 1, 1, tzinfo=UTC)
NUM_ITEMS = 300
TOWERS = TowerConfig(dim=16, hidden=16, history_length=20)


@pytest.fixture(scope="module")
def fitted() -> FittedStage:
    rows = [{"item_id": 1 + row, "title": "", "topics": []} for row in range(NUM_ITEMS)]
    items = pa.Table.from_pylist(rows, ITEM_CONTENT)
    topics = np.ones(NUM_ITEMS, np.int32)
    return made_up_stage(items, topics, TwoTowerConfig(TOWERS), until=UNTIL, seed=1)


def reader_of(cluster: int) -> QueryState:
    chosen = 1 + np.flatnonzero(cluster_of(NUM_ITEMS) == cluster)[:10]
    return QueryState(UNTIL, chosen, ("click",) * 10, np.ones(10, np.float32))


@pytest.mark.parametrize("cluster", [0, 2])
def test_a_reader_is_answered_with_what_they_like(fitted: FittedStage, cluster: int) -> None:
    found = fitted.ready().retriever.search(reader_of(cluster), 20, np.empty(0, np.int64))
    assert (cluster_of(NUM_ITEMS)[found.item_ids - 1] == cluster).mean() > 0.8


def test_arrows_stay_within_a_cluster(fitted: FittedStage) -> None:
    graph, clusters = fitted.graph, cluster_of(NUM_ITEMS)
    near = np.repeat(np.arange(NUM_ITEMS), np.diff(graph.starts))
    assert (clusters[near] == clusters[graph.neighbours]).all()
    assert (near != graph.neighbours).all()


def test_somebody_likes_three_clusters() -> None:
    rows = history_rows(NUM_ITEMS * 10, 200, np.random.default_rng(1))
    assert len(np.unique(cluster_of(NUM_ITEMS * 10)[rows])) == 3


def test_the_next_release_says_of_itself_that_it_is_later(fitted: FittedStage) -> None:
    assert another(fitted).artefact.trained_until == UNTIL + timedelta(minutes=1)


def test_the_bare_search_answers_as_the_index_does(fitted: FittedStage) -> None:
    stage = fitted.ready()
    flat = faiss.IndexFlatIP(stage.index.dim)
    flat.add(stage.item_vectors)
    search, asked = bare_search(stage.index, flat)
    vector = stage.retriever.encoder.vectors([reader_of(1)])
    _, rows = search.search(vector, 20, params=asked)
    ours = stage.index.search(vector[0], 20).item_ids
    assert set((1 + rows[0]).tolist()) == set(ours.tolist())
