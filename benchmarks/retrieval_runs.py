"""Fit every model on every split with every seed, and ask it; what was done in an earlier run is not done again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.report import progress
from benchmarks.retrieval_protocols import Scorer, Split, splits
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_results import Result, evaluate
from benchmarks.retrieval_store import Chosen, Store

TUNED_UP_TO = 500_000
"""With more training events a grid is too dear: its first settings are taken, and the report says so. Likewise where
readers have so few events that validation asks nobody."""


@dataclass(frozen=True)
class Model:
    """fit: (dataset, split, *, seed, **settings) -> Scorer. `split` comes without the test's targets.
    grid: settings, of which the best by NDCG@10 on the validation split is taken.
    seeded: whether another seed gives another model.
    most_items: larger catalogues are not tried, for want of memory; None for no limit.
    ours: whether results depend on the code of `retrieval/`.
    """

    name: str
    fit: Callable[..., Scorer]
    grid: tuple[Mapping[str, float], ...] = ({},)
    seeded: bool = False
    most_items: int | None = None
    ours: bool = False


@dataclass
class Measured:
    """results: in the order in which they were asked for.  left_out: a reason for each model that was not fitted.
    untuned: models whose settings were not chosen, by protocol.  reused: how many results an earlier run had left.
    tuning_s: seconds that choosing settings took, in this run or an earlier one.
    """

    results: list[Result] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    untuned: list[str] = field(default_factory=list)
    reused: int = 0
    tuning_s: float = 0.0

    def of(self, protocol: str, model: str) -> list[Result]:
        """A result for each seed."""
        return [one for one in self.results if (one.protocol, one.model) == (protocol, model)]


def measure(
    dataset: Ratings, models: Sequence[Model], protocols: Sequence[str], seeds: Sequence[int], store: Store
) -> Measured:
    """Everything, the cold protocol with the first seed only. All models get the same split object."""
    runner = _Runner(dataset, store, Measured())
    fitting = [model for model in models if not runner.leaves_out(model)]
    for protocol in protocols:
        asked = splits(dataset, protocol)
        task = _Task(protocol, asked, asked[0].unanswered())
        for seed in seeds if protocol != "cold" else seeds[:1]:
            for model in fitting:
                if seed == seeds[0] or model.seeded:
                    runner.do(task, model, seed)
        runner.count_tuning(protocol, fitting)
    return runner.measured


@dataclass(frozen=True, eq=False)
class _Task:
    """given: what models are fitted on, the first of `asked` without its targets."""

    protocol: str
    asked: tuple[Split, ...]
    given: Split


@dataclass(frozen=True, eq=False)
class _Runner:
    """measured: what it fills."""

    dataset: Ratings
    store: Store
    measured: Measured

    def leaves_out(self, model: Model) -> bool:
        if model.most_items is None or self.dataset.num_items <= model.most_items:
            return False
        reason = f"a matrix of {self.dataset.num_items:,} items x items; at most {model.most_items:,} fit in memory"
        self.measured.left_out[model.name] = reason
        progress(f"{model.name} is left out: {reason}")
        return True

    def count_tuning(self, protocol: str, models: Sequence[Model]) -> None:
        chosen = [self.store.chosen(protocol, model.name) for model in models]
        self.measured.tuning_s += sum(one.tuning_s for one in chosen if one is not None)

    def do(self, task: _Task, model: Model, seed: int) -> None:
        found = self.store.result(task.protocol, model.name, seed, ours=model.ours)
        if found is not None:
            self.measured.results.append(found)
            self.measured.reused += 1
            return
        settings = self._settings(task, model, seed)
        begun, cpu_begun = time.perf_counter(), time.process_time()
        scorer = model.fit(self.dataset, task.given, seed=seed, **settings)
        fitted, fit_cpu_s = time.perf_counter(), time.process_time() - cpu_begun
        outcomes = tuple(evaluate(self.dataset, split, scorer) for split in task.asked)
        asked_s = time.perf_counter() - fitted
        done = Result(task.protocol, model.name, seed, settings, fitted - begun, asked_s, outcomes, fit_cpu_s)
        self.store.keep(done, ours=model.ours)
        self.measured.results.append(done)
        worth = ", ".join(
            f"{one.split} {np.nanmean(one.by_reader['ndcg@10']):.4f}" for one in outcomes if one.by_reader
        )
        progress(f"{model.name}, seed {seed}: NDCG@10 {worth}; fitted in {done.fit_s:.1f} s, asked in {asked_s:.1f} s")

    def _settings(self, task: _Task, model: Model, seed: int) -> Mapping[str, float]:
        """The best of the grid on the validation split, fitted on nothing but that split's training rows."""
        validation = task.given.validation
        if len(model.grid) == 1 or validation is None:
            return model.grid[0]
        if len(task.given.train_rows) > TUNED_UP_TO or not len(validation.queries):
            self.measured.untuned.append(f"{task.protocol}: {model.name}")
            return model.grid[0]
        chosen = self.store.chosen(task.protocol, model.name)
        if chosen is None:
            begun = time.perf_counter()
            worth = [self._worth(validation, model, settings, seed) for settings in model.grid]
            best = model.grid[int(np.argmax(worth))]
            chosen = Chosen(best, time.perf_counter() - begun)
            self.store.keep_chosen(task.protocol, model.name, chosen)
            progress(f"{task.protocol}: {model.name} takes {dict(best)} of {len(model.grid)} settings")
        return chosen.settings

    def _worth(self, validation: Split, model: Model, settings: Mapping[str, float], seed: int) -> float:
        scorer = model.fit(self.dataset, validation.unanswered(), seed=seed, **settings)
        return float(np.nanmean(evaluate(self.dataset, validation, scorer).by_reader["ndcg@10"]))
