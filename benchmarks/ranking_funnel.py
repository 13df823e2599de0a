"""Both stages together: fitted on a split's training rows, then asked, with every order that they make on the way."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from benchmarks import ranking_bootstrap
from benchmarks.ranking_bootstrap import Groups, groups, train
from benchmarks.ranking_labels import label_split
from benchmarks.ranking_requests import FEATURE_SET, Requests
from benchmarks.ranking_sources import SOURCES, fit_sources
from benchmarks.report import progress
from benchmarks.retrieval_protocols import Queries, RowLists, Split
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_results import Outcome, Result, evaluate
from ranking.artefact import RankerArtefact
from ranking.config import RankerConfig
from ranking.order import Order, RetrievalOrder
from retrieval.config import TwoTowerConfig
from retrieval.metrics import reader_means

FUNNEL, FUSION = "funnel", "fusion"
TYPE_1, TYPE_2 = "not retrieved", "ranked low"
LIST_LENGTH = 10

_SCORED_AT_ONCE = 100
"""Queries whose features are held at once."""


@dataclass(frozen=True, eq=False)
class Funnel:
    """requests: with sources that know all training rows.  ranker: fitted on what shadows of them said.
    fit_s: seconds, by what was fitted."""

    requests: Requests
    ranker: RankerArtefact
    fit_s: Mapping[str, float]

    @property
    def orders(self) -> dict[str, Order]:
        """The funnel's own, that of reciprocal-rank fusion, and that of each source, by name."""
        by_source = {source: RetrievalOrder(FEATURE_SET, source) for source in SOURCES}
        return {FUNNEL: self.ranker.order, FUSION: RetrievalOrder(FEATURE_SET), **by_source}


@dataclass(frozen=True, eq=False)
class Answers:
    """What a funnel said to the queries of one split: a `Scorer` for each of its orders.

    candidates: for each query where its rows are.  item_idx: (rows,) int64.  scores: by order, (rows,) float32, -inf
    for what its source did not name.
    """

    dataset: Ratings
    queries: Queries
    candidates: RowLists
    item_idx: np.ndarray
    scores: Mapping[str, np.ndarray]

    def scorer(self, order: str) -> Answered:
        return Answered(self, self.scores[order])


@dataclass(frozen=True, eq=False)
class Answered:
    """One order of `answers`, as a `Scorer` of the split that was asked. scores: (rows of all candidates,)."""

    answers: Answers
    values: np.ndarray

    def scores(self, queries: Queries) -> np.ndarray:
        """(q, num_items) float32; -inf for what was not retrieved, so also for what was seen.

        Raises ValueError for a query that was not among those answered.
        """
        answers = self.answers
        ends = answers.queries.history.stops  # rising, and different for each query of a split
        places = np.minimum(np.searchsorted(ends, queries.history.stops), len(ends) - 1)
        if (ends[places] != queries.history.stops).any() or (
            answers.queries.reader_ids[places] != queries.reader_ids
        ).any():
            raise ValueError("These queries are not of the split that was answered.")
        scores = np.full((len(queries), answers.dataset.num_items), -np.inf, np.float32)
        for row, candidates in enumerate(answers.candidates.take(places)):
            scores[row, answers.item_idx[candidates]] = self.values[candidates]
        return scores


def fit_funnel(
    dataset: Ratings,
    split: Split,
    *,
    seed: int,
    towers: TwoTowerConfig | None = None,
    config: RankerConfig = ranking_bootstrap.CONFIG,
) -> Funnel:
    """Shadows blind to label events teach the ranker; then every source learns from all training rows."""
    begun = time.perf_counter()
    shadow = label_split(dataset, split)
    blind = fit_sources(dataset, shadow, seed=seed, config=towers)
    asking = Requests.of(dataset, blind, shadow.train_rows)
    learned = groups(dataset, asking, shadow, seed=seed)
    ranker = train(learned, seed=seed, config=config)
    progress(f"{split.name}, seed {seed}: {_told(learned, ranker)}")
    bootstrap_s = time.perf_counter() - begun
    sources = fit_sources(dataset, split, seed=seed, config=towers)
    fit_s = {**sources.fit_s, FUSION: sum(sources.fit_s.values()), FUNNEL: bootstrap_s + sum(sources.fit_s.values())}
    return Funnel(Requests.of(dataset, sources, split.train_rows), ranker, fit_s)


def answers(dataset: Ratings, funnel: Funnel, queries: Queries) -> Answers:
    """queries: all of one split, without their targets."""
    orders = funnel.orders
    scores: dict[str, list[np.ndarray]] = {name: [] for name in orders}
    items: list[np.ndarray] = []
    for some in queries.batches(_SCORED_AT_ONCE):
        found, features = zip(*funnel.requests.features(some), strict=True)
        items += found
        together = np.concatenate(features)
        for name, order in orders.items():
            values = order.scores(together)
            if isinstance(order, RetrievalOrder):
                values = np.where(values > 0, values, -np.inf)  # 0 for what its source did not name
            scores[name].append(values.astype(np.float32))
    ends = np.cumsum([len(found) for found in items])
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    return Answers(
        dataset,
        queries,
        RowLists(np.arange(ends[-1]), starts, ends),
        np.concatenate(items),
        {name: np.concatenate(parts) for name, parts in scores.items()},
    )


def results(dataset: Ratings, split: Split, seed: int, funnel: Funnel) -> list[Result]:
    """Of every order of the funnel, its own first, with where held-out items were lost."""
    begun = time.perf_counter()
    said = answers(dataset, funnel, split.queries.unanswered())
    ask_s = time.perf_counter() - begun
    made = []
    for name in said.scores:
        scorer = said.scorer(name)
        outcome = evaluate(dataset, split, scorer)
        outcome = replace(outcome, by_reader={**outcome.by_reader, **lost(dataset, split, scorer, outcome)})
        made.append(Result(split.name, name, seed, {}, funnel.fit_s[name], ask_s, (outcome,)))
    return made


def lost(dataset: Ratings, split: Split, scorer: Answered, outcome: Outcome) -> dict[str, np.ndarray]:
    """Shares of a reader's held-out items, (readers,) each, which with Recall@10 sum to 1.

    Type 1: no source named it, so no ranker could have put it first. Type 2: it was named, but stands below place 10.
    """
    queries = split.queries
    missed = np.empty(len(queries))
    for row, candidates in enumerate(scorer.answers.candidates):
        named = scorer.answers.item_idx[candidates][scorer.values[candidates] > -np.inf]
        missed[row] = 1 - np.isin(dataset.item_idx[queries.targets[row]], named).mean()
    not_retrieved = reader_means(missed, queries.reader_ids)[1]
    return {TYPE_1: not_retrieved, TYPE_2: 1 - not_retrieved - outcome.by_reader["recall@10"]}


def _told(learned: Groups, ranker: RankerArtefact) -> str:
    visits, report = learned.visits, ranker.report
    later = ", ".join(f"{name} {value:.4f}" for name, value in report["later"]["ndcg"].items())
    return (
        f"{visits.num_visits} groups of {learned.asked} ({learned.not_retrieved} positives not retrieved), "
        f"{visits.num_rows:,} rows, {report['trees']} trees; NDCG@{report['later']['ndcg_at']} on the later: {later}"
    )
