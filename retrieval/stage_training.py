"""Interactions in, stage one of a release out. torch and implicit, so only to train."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from retrieval.artefact import RetrieverArtefact
from retrieval.config import TwoTowerConfig
from retrieval.encoding import QueryEncoder
from retrieval.features import STATES
from retrieval.index import Index, IndexConfig, Kind
from retrieval.interactions import Interactions
from retrieval.query_state import QueryState
from retrieval.sources.covisitation import Covisitation, CovisitationConfig
from retrieval.sources.covisitation_graph import CovisitationGraph, CovisitationGraphConfig
from retrieval.sources.graph_walk import GraphWalk, GraphWalkConfig
from retrieval.sources.implicit_als import ImplicitAls, ImplicitAlsConfig
from retrieval.stage import FittedStage
from retrieval.train import EpochDone, StepDone, train_retriever

__all__ = ["FittedStage", "fit_stage"]

MOST_ARROWS = 5_000_000
"""Of a co-visitation graph, as far as `LEAST_NEIGHBOURS` an item allow: 40 MB."""
LEAST_NEIGHBOURS = 50


def fit_stage(
    tables: Iterable[pa.Table],
    items: pa.Table,
    interactions: Interactions,
    config: TwoTowerConfig,
    *,
    until: datetime,
    validation: pa.Table | None = None,
    warm_start: RetrieverArtefact | None = None,
    checkpoint: Path | None = None,
    on_epoch: Callable[[EpochDone], None] = lambda done: None,
    on_step: Callable[[StepDone], None] = lambda done: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> FittedStage:
    """Everything that a release has of stage one, from what happened before `until`.

    tables, items, until, validation, warm_start, checkpoint, on_epoch, on_step, should_stop: as of `train_retriever`.
    interactions: of the same window, for the graph and iALS.

    Raises what `train_retriever` and the sources raise, and ValueError for interactions from `until` on.
    """
    if len(interactions) and interactions.times_s[-1] >= until.timestamp():
        raise ValueError(
            f"An interaction at {interactions.times_s[-1]} s is not before {until}: the stage would know what it is "
            "measured on. Give `interactions.before(until.timestamp())`."
        )
    index_config = IndexConfig(seed=config.training.seed)
    sample = _Sample(index_config.sample_queries, config.training.seed)
    artefact = train_retriever(
        sample.passed_on(tables),
        items,
        config,
        until=until,
        validation=validation,
        warm_start=warm_start,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
        on_step=on_step,
        should_stop=should_stop,
    )
    graph = CovisitationGraph.fit(interactions, graph_config(len(items)))
    return FittedStage(
        artefact=artefact,
        index=_index(artefact, index_config, sample),
        covisitation=Covisitation.fit(graph, CovisitationConfig()),
        graph_walk=GraphWalk.fit(graph, GraphWalkConfig()),
        als=_als(interactions, until, index_config),
    )


def graph_config(num_items: int) -> CovisitationGraphConfig:
    """Fewer neighbours an item in a large catalogue, so that the graph stays in bounds."""
    usual = CovisitationGraphConfig()
    within = max(LEAST_NEIGHBOURS, MOST_ARROWS // max(num_items, 1))
    return CovisitationGraphConfig(neighbours=min(usual.neighbours, within))


class _Sample:
    """States of some rows of tables that pass, each as likely as any other."""

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._rng = np.random.default_rng(seed)
        self._keys = np.empty(0)
        self._states: pa.Table | None = None

    def passed_on(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for table in tables:
            self._add(table)
            yield table

    def states(self) -> pa.Table | None:
        """Of `features.STATES`; None where no table had rows."""
        return self._states

    def _add(self, table: pa.Table) -> None:
        """Every row draws a key; kept are the rows of the smallest keys of all."""
        keys = np.concatenate([self._keys, self._rng.random(len(table))])
        states = table.select([name for name in STATES.names if name in table.column_names])
        both = states if self._states is None else pa.concat_tables([self._states, states])
        kept = np.sort(np.argsort(keys, kind="stable")[: self._size])
        self._keys, self._states = keys[kept], both.take(kept)


def _index(artefact: RetrieverArtefact, config: IndexConfig, sample: _Sample) -> Index:
    """An exact index needs no queries to be tuned on."""
    states = sample.states()
    if states is None or config.kind_for(len(artefact.item_ids)) is Kind.EXACT:
        return Index.build(artefact.item_embeddings, artefact.item_ids, config)
    queries = QueryEncoder.of(artefact).vectors_of_table(states)
    return Index.build(artefact.item_embeddings, artefact.item_ids, config, queries=queries)


def _als(interactions: Interactions, until: datetime, config: IndexConfig) -> ImplicitAls:
    """With an index where the towers would have one, too."""
    als = ImplicitAls.fit(interactions, ImplicitAlsConfig(seed=config.seed))
    if config.kind_for(len(als.items)) is Kind.EXACT:
        return als
    return als.with_index(config, _some_histories(interactions, until, config))


def _some_histories(interactions: Interactions, until: datetime, config: IndexConfig) -> list[QueryState]:
    """Readers drawn at random, with all that they chose."""
    readers = np.unique(interactions.reader_ids)
    size = min(config.sample_queries, len(readers))
    drawn = np.random.default_rng(config.seed).choice(readers, size, replace=False)
    theirs = interactions.take(np.isin(interactions.reader_ids, drawn))
    return [_history(theirs.take(theirs.reader_ids == reader), until) for reader in drawn]


def _history(choices: Interactions, until: datetime) -> QueryState:
    ages_s = (until.timestamp() - choices.times_s).astype(np.float32)
    return QueryState(until, choices.item_ids, ("click",) * len(choices), ages_s)
