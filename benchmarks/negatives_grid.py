"""All trainings of the `negatives` benchmark: search, the tuned ones with every seed, and those of equal time, for
which a clock measures what an epoch of each row costs.

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

from benchmarks import negatives_clock, negatives_training
from benchmarks.negatives_choices import REFERENCE, Choice, Draw, draws
from benchmarks.negatives_clock import ROUNDS, Pace
from benchmarks.negatives_training import PROTOCOL, Cell, rows_an_epoch
from benchmarks.report import progress
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_results import Result
from benchmarks.retrieval_store import Store

TUNED_BY = "ndcg@10"
CLOCK_COLUMNS = 64
"""Equal time is what the reference takes with so many columns."""

_UNKNOWN = Pace(float("nan"), float("nan"))
_SEARCH_SEED = 5
_TRIAL_SEED = 1_000
"""Of the trials' trainings: none of those that the test is asked with."""


@dataclass(frozen=True)
class Plan:
    """trials: of each row's search.  seeds: of the tuned trainings.  epochs: of the reference; every row gets as many
    examples."""

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
        """But for those of equal time."""
        return len(self.rows()) * (self.trials + len(self.seeds))

    @property
    def in_time(self) -> int:
        """Trainings of equal time, at most: how many is known once it is measured what a row costs."""
        return len(self.rows()) * len(self.seeds)


@dataclass(frozen=True, eq=False)
class Row:
    """A choice with so many columns, tuned. trials: NDCG@10 on validation of each.  draw: the best trial.
    epochs: that see as many examples as the reference's.  pace: of an epoch, once it is measured.
    by_examples, by_time: a result for each seed; equal where the time allows as many epochs."""

    choice: Choice
    columns: int
    trials: list[float]
    draw: Draw
    epochs: int
    pace: Pace
    by_examples: list[Result]
    by_time: list[Result]

    @property
    def train_s(self) -> float:
        """Processor seconds that equal examples take."""
        return self.pace.seconds(self.epochs)


@dataclass
class Grid:
    """results: of all cells so far, by key.  rounds: of the clock.  reused: how many an earlier run had left."""

    dataset: Ratings
    store: Store
    executor: Executor
    results: dict[str, Result] = field(default_factory=dict)
    rounds: list[Result] = field(default_factory=list)
    reused: int = 0

    def measure(self, plan: Plan) -> list[Row]:
        tried = draws(plan.trials, seed=_SEARCH_SEED)
        epochs = {choice.name: equal_epochs(self.dataset, choice, plan.epochs) for choice in plan.choices}
        rows = plan.rows()
        self._run(
            [_trial(choice, columns, draw, epochs[choice.name]) for choice, columns in rows for draw in tried],
            later=plan.in_time,
        )
        found = [self._tuned(choice, columns, tried, epochs[choice.name]) for choice, columns in rows]
        self._run([cell for row in found for cell in _tests(row, plan, row.epochs)])
        found = self._clocked(found, plan)
        allowed_s = _allowed_s(found)
        in_time = [row.pace.epochs(allowed_s) for row in found]
        self._run([cell for row, number in zip(found, in_time, strict=True) for cell in _tests(row, plan, number)])
        return [
            replace(row, by_examples=self._of(row, plan, row.epochs), by_time=self._of(row, plan, number))
            for row, number in zip(found, in_time, strict=True)
        ]

    def _tuned(self, choice: Choice, columns: int, tried: Sequence[Draw], epochs: int) -> Row:
        results = [self.results[_trial(choice, columns, draw, epochs).key] for draw in tried]
        worth = [float(np.nanmean(result.outcomes[0].by_reader[TUNED_BY])) for result in results]
        return Row(choice, columns, worth, tried[int(np.argmax(worth))], epochs, _UNKNOWN, [], [])

    def _clocked(self, rows: Sequence[Row], plan: Plan) -> list[Row]:
        """With what an epoch of each costs: the rounds that an earlier run left, and those that are missing."""
        cells = [negatives_clock.clocked(_tests(row, plan, row.epochs)[0]) for row in rows]
        key = negatives_clock.key(cells)
        kept = {number: self.store.result(PROTOCOL, key, number, ours=True) for number in range(ROUNDS)}
        self.rounds = [one for one in kept.values() if one is not None]
        missing = [number for number, one in kept.items() if one is None]
        running = [self.executor.submit(negatives_clock.one_round, self.dataset, cells, number) for number in missing]
        for future in as_completed(running):
            done = future.result()
            self.store.keep(done, ours=True)
            self.rounds.append(done)
            progress(
                f"[{len(self.rounds)}/{ROUNDS}] what an epoch of each row costs: all in turn in {done.fit_s:.0f} s"
            )
        paces = negatives_clock.paces(self.rounds, cells)
        return [replace(row, pace=paces[cell.key]) for row, cell in zip(rows, cells, strict=True)]

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


def equal_epochs(dataset: Ratings, choice: Choice, epochs: int) -> int:
    """Epochs that come nearest to drawing as many rows as so many of the reference; at least 1."""
    return max(1, round(epochs * _rows(dataset, REFERENCE) / _rows(dataset, choice)))


def _rows(dataset: Ratings, choice: Choice) -> float:
    return rows_an_epoch(dataset, choice.config(CLOCK_COLUMNS, Draw(0.5, 0.5, 0.5), epochs=1, seed=0))


def _allowed_s(rows: Sequence[Row]) -> float:
    """What the reference takes, with `CLOCK_COLUMNS` or the number of columns nearest to that."""
    references = [row for row in rows if row.choice == REFERENCE]
    return min(references, key=lambda row: abs(row.columns - CLOCK_COLUMNS)).train_s


def _trial(choice: Choice, columns: int, draw: Draw, epochs: int) -> Cell:
    return _cell(choice, columns, draw, epochs=epochs, seed=_TRIAL_SEED, validation=True)


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
