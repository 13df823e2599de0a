"""Our own models as the quality benchmark fits them: through the same training, files and ONNX towers as the site."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from benchmarks.retrieval_protocols import Queries, Scorer, Split
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_states import positives_around, positives_before, query_table
from retrieval.artefact import RetrieverArtefact
from retrieval.candidates import Candidates, Source
from retrieval.config import TowerConfig, TrainingConfig, TwoTowerConfig
from retrieval.encoding import QueryEncoder
from retrieval.query_state import QueryState
from retrieval.sources.covisitation import Covisitation, CovisitationConfig
from retrieval.sources.covisitation_graph import CovisitationGraph, CovisitationGraphConfig
from retrieval.sources.evidence import LASTING_TASTE
from retrieval.sources.graph_walk import GraphWalk, GraphWalkConfig
from retrieval.sources.implicit_als import ImplicitAls, ImplicitAlsConfig
from retrieval.train import train_retriever
from retrieval.union import FusionConfig, fuse, unite

CONFIG = TwoTowerConfig(
    TowerConfig(dim=128, hidden=128, history_length=200, dropout=0.2, id_dropout=0.05, history_dropout=0.4),
    TrainingConfig(
        epochs=5,
        temperature=0.1,
        half_life_days=None,
        most_per_reader=100_000,
        refresh_interval_h=7 * 24,
        out_only=False,
    ),
)
"""For what comes next (A, B and cold), chosen on validation events of ML-100K (docs/retrieval.md has the tries).

Unlike the site's defaults a positive loses no weight with age and no reader is capped: the peers have neither. And the
whole catalogue is ranked whenever a reader chose, as for the peers, so what was not out yet is a negative here, too.
"""

LASTING_TASTE_CONFIG = TwoTowerConfig(
    TowerConfig(
        dim=384,
        hidden=384,
        history_length=600,
        id_dropout=0.05,
        history_dropout=0.5,
        unit_norm=False,
        place_decay=0,
        uses_counts=False,
    ),
    TrainingConfig(
        epochs=3,
        batch_size=1024,
        learning_rate=2e-4,
        weight_decay=0.1,
        temperature=0.1,
        half_life_days=None,
        most_per_reader=150,
        spectral_ridge=1000,
        weight_averaging=0.99,
        refresh_interval_h=1_000_000,
        out_only=False,
    ),
)
"""For taste whatever the time (protocol C), chosen on its validation events: nothing in it knows what was popular when,
and batches are drawn from all times alike."""


KNOWN_IN_TRAINING = 150
"""Of a longer history a row of protocol C carries a random part: the time of a training goes by its length."""


MOST_ROWS = 1_000_000
"""That one training draws, all epochs together; ML-100K with its five epochs stays below."""


def config_for(split: Split) -> TwoTowerConfig:
    """As the peers' settings are chosen for each protocol."""
    return LASTING_TASTE_CONFIG if split.name.startswith("C") else CONFIG


ASKED_FOR = 500
"""Candidates of each source of the union."""


def fit_two_tower(dataset: Ratings, split: Split, *, seed: int) -> Scorer:
    """Ours, alone."""
    return TwoTower(dataset, trained(dataset, split, seed))


def fit_union(dataset: Ratings, split: Split, *, seed: int) -> Scorer:
    """The two towers, co-visitation, walks over its graph, and iALS read for the next choice and for lasting taste:
    the first 500 of each, fused by reciprocal rank."""
    return _Union(dataset, TwoTower(dataset, trained(dataset, split, seed)), fit_others(dataset, split, seed))


def fit_others(dataset: Ratings, split: Split, seed: int) -> tuple[Source, ...]:
    """What the union asks beside the two towers."""
    events = dataset.interactions.take(split.train_rows)
    graph = CovisitationGraph.fit(events, CovisitationGraphConfig())
    als = ImplicitAls.fit(events, ImplicitAlsConfig(seed=seed))
    return (
        Covisitation.fit(graph, CovisitationConfig()),
        GraphWalk.fit(graph, GraphWalkConfig()),
        als,
        als.reading(LASTING_TASTE, name="implicit_als_taste"),
    )


@lru_cache(maxsize=1)  # by identity: the union is asked for right after the towers alone, with the same split
def trained(dataset: Ratings, split: Split, seed: int, config: TwoTowerConfig | None = None) -> RetrieverArtefact:
    """One training on the rows of `split`, as the site does it; on one thread, as the peers."""
    chosen = config or config_for(split)
    readers = dataset.interactions.reader_ids[split.train_rows]
    config = replace(chosen, training=affordable(replace(chosen.training, seed=seed), readers))
    newest_s = dataset.interactions.times_s[split.train_rows[-1]]
    until = datetime.fromtimestamp(newest_s + 1, UTC)
    with threadpool_limits(1):
        return train_retriever(_positives(dataset, split, config), dataset.items, config, until=until)


def affordable(training: TrainingConfig, reader_ids: np.ndarray) -> TrainingConfig:
    """Fewer rows of a reader and fewer epochs where there is more data, so that it takes minutes there too.

    reader_ids: of each training row.
    """
    _, rows = np.unique(reader_ids, return_counts=True)
    most = training.most_per_reader
    if np.minimum(rows, most).sum() > MOST_ROWS:
        most = min(most, max(1, MOST_ROWS // len(rows)))
    epochs = max(1, MOST_ROWS // int(np.minimum(rows, most).sum()))
    return replace(training, most_per_reader=most, epochs=min(training.epochs, epochs))


def _positives(dataset: Ratings, split: Split, config: TwoTowerConfig) -> list[pa.Table]:
    """States as the protocol will serve them: what came before, or, where what is held back lies among what is known,
    all else that the reader chose."""
    length = config.towers.history_length
    if split.name.startswith("C"):
        known = min(length, KNOWN_IN_TRAINING)
        return positives_around(dataset, split.train_rows, known, seed=config.training.seed)
    return positives_before(dataset, split.train_rows, length)


@dataclass(frozen=True, eq=False)
class TwoTower:
    """A trained artefact, asked through its ONNX query tower."""

    dataset: Ratings
    artefact: RetrieverArtefact

    def scores(self, queries: Queries) -> np.ndarray:
        """(q, num_items) float32 inner products."""
        encoder = QueryEncoder.of(self.artefact)
        states = query_table(self.dataset, queries, self.artefact.config.towers.history_length)
        return encoder.vectors_of_table(states) @ self.artefact.item_embeddings.T


@dataclass(frozen=True, eq=False)
class _Union:
    """others: sources that are asked beside the towers."""

    dataset: Ratings
    two_tower: TwoTower
    others: tuple[Source, ...]

    def scores(self, queries: Queries) -> np.ndarray:
        """(q, num_items) float32 sums of reciprocal ranks, -inf for what no source named."""
        by_towers = self.two_tower.scores(queries)
        scores = np.full_like(by_towers, -np.inf)
        for row, of_towers in enumerate(by_towers):
            seen = np.unique(self.dataset.item_idx[queries.history[row]])
            state = query_state(self.dataset, queries, row)
            named = {source.name: source.candidates(state, ASKED_FOR, exclude=state.history) for source in self.others}
            named["two_tower"] = first_unseen(self.dataset, of_towers, seen, ASKED_FOR)
            fused = fuse(unite(named), FusionConfig())
            scores[row, self.dataset.item_map.idx_of(fused.item_ids)] = fused.scores
        return scores


def query_state(dataset: Ratings, queries: Queries, row: int) -> QueryState:
    """One query as sources other than the towers get it: every event is a click to them, as it is to the peers."""
    events, history, at_s = dataset.interactions, queries.history[row], queries.at_s[row]
    return QueryState(
        at=datetime.fromtimestamp(at_s, UTC),
        history=events.item_ids[history],
        history_kinds=("click",) * len(history),
        history_ages_s=(at_s - events.times_s[history]).astype(np.float32),
    )


def first_unseen(dataset: Ratings, scores: np.ndarray, seen: np.ndarray, k: int) -> Candidates:
    """The `k` best of (num_items,) scores, none of `seen`, distinct item_idx."""
    left = scores.copy()
    left[seen] = -np.inf
    first = np.argsort(-left, kind="stable")[: min(k, len(left) - len(seen))]
    return Candidates(dataset.item_map.item_ids[first], left[first])
