"""All trainings of the `negatives` benchmark: search, the tuned ones with every seed, and those of equal time.

Trainings do not depend on each other, so that several processes share them, each with one thread. What is finished is
kept, and a run that was stopped goes on where it was.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks import negatives_training
from benchmarks.negatives_choices import REFERENCE, Choice, Draw, draws
from benchmarks.negatives_training import PROTOCOL, Cell
from benchmarks.report import progress
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_results import Result
from benchmarks.retrieval_store import Store

TUNED_BY = "ndcg@10"
CLOCK_COLUMNS = 64
"""Equal time is what the reference takes with so many columns."""

_SEARCH_SEED = 5
_TRIAL_SEED = 1_000
"""Of the trials' trainings: none of those that the test is asked with."""


@dataclass(frozen=True)
class Plan:
    """trials: of each row's search.  seeds: of the tuned trainings.  epochs: what every row gets for equal examples."""

    choices: Sequence[Choice]
    sizes: Sequence[int]
    trials: int
    seeds: Sequence[int]
    epochs: int

    def rows(self) -> list[tuple[Choice, int]]:
        """Every choice with its numbers of columns; 0 where that is no choice."""
        return [(choice, size) for choice in self.choices for size in (self.sizes if choice.sized else (0,))]

    @property
    def trainings(self) -> int:
        """But for those of equal time, which are known once it is measured what a row costs."""
        return len(self.rows()) * (self.trials + len(self.seeds))


@dataclass(frozen=True, eq=False)
class Row:
    """A choice with so many columns, tuned. trials: NDCG@10 on validation of each.  step_s: median processor seconds
    of a trial.  draw: the best trial.  by_examples, by_time: a result for each seed; equal where the time allows
    as many epochs."""

    choice: Choice
    columns: int
    trials: list[float]
    step_s: float
    draw: Draw
    by_examples: list[Result]
    by_time: list[Result]


@dataclass
class Grid:
    """results: of all cells so far, by key.  reused: how many an earlier run had left."""

    dataset: Ratings
    store: Store
    executor: Executor
    results: dict[str, Result] = field(default_factory=dict)
    reused: int = 0

    def measure(self, plan: Plan) -> list[Row]:
        tried = draws(plan.trials, seed=_SEARCH_SEED)
        rows = plan.rows()
        self._run(
            [_trial(choice, columns, draw, plan) for choice, columns in rows for draw in tried], later=_later(plan)
        )
        found = [self._tuned(choice, columns, tried, plan) for choice, columns in rows]
        self._run([cell for row in found for cell in _tests(row, plan, plan.epochs)])
        allowed_s = _allowed_s(found)
        epochs = [max(1, round(plan.epochs * allowed_s / row.step_s)) for row in found]
        self._run([cell for row, number in zip(found, epochs, strict=True) for cell in _tests(row, plan, number)])
        return [
            replace(row, by_examples=self._of(row, plan, plan.epochs), by_time=self._of(row, plan, number))
            for row, number in zip(found, epochs, strict=True)
        ]

    def _tuned(self, choice: Choice, columns: int, tried: Sequence[Draw], plan: Plan) -> Row:
        results = [self.results[_trial(choice, columns, draw, plan).key] for draw in tried]
        worth = [float(np.nanmean(result.outcomes[0].by_reader[TUNED_BY])) for result in results]
        step_s = float(np.median([result.settings["train_s"] for result in results]))
        return Row(choice, columns, worth, step_s, tried[int(np.argmax(worth))], [], [])

    def _of(self, row: Row, plan: Plan, epochs: int) -> list[Result]:
        return [self.results[cell.key] for cell in _tests(row, plan, epochs)]

    def _run(self, cells: Sequence[Cell], later: int = 0) -> None:
        """Fill `results`. later: trainings that will follow these, for the time left."""
        asked = {cell.key: cell for cell in cells if cell.key not in self.results}
        for key, cell in list(asked.items()):
            found = self.store.result(PROTOCOL, key, cell.config.training.seed, ours=True)
            if found is not None:
                self.results[key] = found
                self.reused += 1
                del asked[key]
        begun = time.perf_counter()
        running = {self.executor.submit(negatives_training.do, self.dataset, cell): cell for cell in asked.values()}
        for number, future in enumerate(as_completed(running), start=1):
            result = future.result()
            self.store.keep(result, ours=True)
            self.results[result.model] = result
            left_s = (time.perf_counter() - begun) / number * (len(asked) - number + later)
            worth = np.nanmean(result.outcomes[0].by_reader[TUNED_BY])
            progress(
                f"[{number}/{len(asked)}] {running[future].name}: NDCG@10 {worth:.4f} in {result.fit_s:.0f} s; "
                f"about {left_s / 60:.0f} minutes left"
            )


@contextmanager
def processes(number: int) -> Iterator[Executor]:
    """Started afresh, not forked: torch's threads do not survive a fork."""
    with ProcessPoolExecutor(number, multiprocessing.get_context("spawn"), initializer=_one_thread) as executor:
        try:
            yield executor
        except BaseException:
            executor.shutdown(cancel_futures=True)  # what is running ends; what waits is not begun
            raise


def _one_thread() -> None:
    torch.set_num_threads(1)
    threadpool_limits(1)


def _later(plan: Plan) -> int:
    return len(plan.rows()) * len(plan.seeds)


def _allowed_s(rows: Sequence[Row]) -> float:
    """What the reference takes, with `CLOCK_COLUMNS` or the number of columns nearest to that."""
    references = [row for row in rows if row.choice == REFERENCE]
    return min(references, key=lambda row: abs(row.columns - CLOCK_COLUMNS)).step_s


def _trial(choice: Choice, columns: int, draw: Draw, plan: Plan) -> Cell:
    return _cell(choice, columns, draw, epochs=plan.epochs, seed=_TRIAL_SEED, validation=True)


def _tests(row: Row, plan: Plan, epochs: int) -> list[Cell]:
    return [_cell(row.choice, row.columns, row.draw, epochs=epochs, seed=seed, validation=False) for seed in plan.seeds]


def _cell(choice: Choice, columns: int, draw: Draw, *, epochs: int, seed: int, validation: bool) -> Cell:
    what = "trial" if validation else f"seed {seed}, {epochs} epochs"
    return Cell(
        name=f"{choice.name}{f', {columns}' if columns else ''} ({what})",
        config=choice.config(columns, draw, epochs=epochs, seed=seed),
        validation=validation,
        alpha=(choice.knob_at(draw) or 0.0) if choice.prior else 0.0,
        dislikes=choice.dislikes,
    )
