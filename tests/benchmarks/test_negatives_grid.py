from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import negatives_clock, negatives_training
from benchmarks.negatives_choices import CHOICES, REFERENCE
from benchmarks.negatives_clock import ROUNDS
from benchmarks.negatives_grid import Grid, Plan, processes
from benchmarks.negatives_training import PROTOCOL, Cell
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_results import Outcome, Result
from benchmarks.retrieval_store import Store
from benchmarks.retrieval_world import made_up_world

PLAN = Plan(CHOICES, (16, 64), trials=3, seeds=(0, 1), epochs=4)


class AtOnce(Executor):
    """Does the work where it is asked for."""

    def submit(self, work: Any, /, *arguments: Any, **options: Any) -> Future:
        future: Future = Future()
        future.set_result(work(*arguments, **options))
        return future


class Trainings:
    """Stands for real ones: worth the more the nearer the learning rate is to 0.01; mined columns cost three times."""

    def __init__(self) -> None:
        self.done: list[Cell] = []
        self.clocked: list[int] = []
        self.load = itertools.cycle([1.0, 1.4, 2.0])

    def __call__(self, dataset: Ratings, cell: Cell) -> Result:
        self.done.append(cell)
        training = cell.config.training
        worth = 1 / (1 + abs(np.log(training.learning_rate / 0.01)))
        outcome = Outcome("B", np.arange(5), {"ndcg@10": np.full(5, worth), "recall@100": np.full(5, worth)}, {})
        settings = {"epochs": training.epochs, "peak_rss_mb": 100.0}
        fit_s = 60.0 * next(self.load)
        return Result(PROTOCOL, cell.key, training.seed, settings, fit_s, 0.5, (outcome,))

    def one_round(self, dataset: Ratings, cells: Sequence[Cell], number: int) -> Result:
        """Each round under other load, of which all within it have as much."""
        self.clocked.append(number)
        load = 1.0 + number
        seconds = {cell.key: load for cell in cells}
        seconds |= {f"{cell.key} later": load * (3 if cell.config.training.hard_negatives else 1) for cell in cells}
        return Result(PROTOCOL, negatives_clock.key(cells), number, seconds, 1.0, 0.0, ())


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Trainings:
    made = Trainings()
    monkeypatch.setattr(negatives_training, "do", made)
    monkeypatch.setattr(negatives_clock, "one_round", made.one_round)
    return made


def grid(folder: Path) -> Grid:
    return Grid(made_up_world(10, 30, seed=0), Store(folder, "data"), AtOnce())


def seeds_of(results: Sequence[Result]) -> list[int]:
    return [result.seed for result in results]


def test_every_row_gets_as_many_trials_and_the_test_is_asked_once_a_seed(trainings: Trainings, tmp_path: Path) -> None:
    rows = grid(tmp_path).measure(PLAN)
    assert len(rows) == 2 * (len(CHOICES) - 1) + 1
    assert {len(row.trials) for row in rows} == {3}
    assert all(seeds_of(row.by_examples) == [0, 1] for row in rows)
    tried = [cell for cell in trainings.done if cell.validation]
    tested = {cell.key for cell in trainings.done if not cell.validation}
    by_examples = {result.model for row in rows for result in row.by_examples}
    assert len(tried) == 3 * len(rows)
    assert len(by_examples) == 2 * len(rows)
    assert by_examples <= tested
    assert PLAN.trainings == len(tried) + len(by_examples)
    assert len(tested - by_examples) <= PLAN.in_time


def test_the_best_on_validation_is_what_the_test_is_asked_with(trainings: Trainings, tmp_path: Path) -> None:
    rows = grid(tmp_path).measure(PLAN)
    tried = {cell.config.training.learning_rate for cell in trainings.done if cell.validation}
    tested = {cell.config.training.learning_rate for cell in trainings.done if not cell.validation}
    assert tested == {min(tried, key=lambda rate: abs(np.log(rate / 0.01)))}
    assert all(row.trials[row.trials.index(max(row.trials))] == max(row.trials) for row in rows)


def test_what_costs_three_times_as_much_after_its_first_epoch_gets_two_in_equal_time(
    trainings: Trainings, tmp_path: Path
) -> None:
    for row in grid(tmp_path).measure(PLAN):
        epochs = {result.settings["epochs"] for result in row.by_time}
        assert epochs == ({2} if row.choice.name == "mixed, hard negatives" else {4})
        assert seeds_of(row.by_time) == [0, 1]


def test_a_finished_round_of_the_clock_is_not_done_again(trainings: Trainings, tmp_path: Path) -> None:
    first = grid(tmp_path)
    rows = first.measure(PLAN)
    assert trainings.clocked == list(range(ROUNDS))
    next(tmp_path.glob(f"{PROTOCOL}-negatives-clock-*-2-*.npz")).unlink()
    again = grid(tmp_path)
    assert [row.pace for row in again.measure(PLAN)] == [row.pace for row in rows]
    assert trainings.clocked == [*range(ROUNDS), 2]
    assert len(again.rounds) == ROUNDS


def test_epochs_of_fewer_rows_are_more_for_equal_examples(trainings: Trainings, tmp_path: Path) -> None:
    world = made_up_world(40, 220, seed=0)
    rows = Grid(world, Store(tmp_path, "data"), AtOnce()).measure(PLAN)
    epochs = {row.choice.name: row.epochs for row in rows}
    assert epochs["in-batch, logQ, half-life of 30 days"] > 4
    assert epochs["in-batch, logQ, 50 of a reader"] <= 4
    others = {number for name, number in epochs.items() if "30 days" not in name and "50 of" not in name}
    assert others == {4}
    assert all({result.settings["epochs"] for result in row.by_examples} == {row.epochs} for row in rows)


def test_finished_trainings_are_not_done_again(trainings: Trainings, tmp_path: Path) -> None:
    first = grid(tmp_path).measure(PLAN)
    number = len(trainings.done)
    resumed = grid(tmp_path)
    again = resumed.measure(PLAN)
    assert len(trainings.done) == number == resumed.reused
    assert [row.trials for row in again] == [row.trials for row in first]
    more = replace(PLAN, seeds=(0, 1, 2))
    grid(tmp_path).measure(more)
    assert {cell.config.training.seed for cell in trainings.done[number:]} == {2}


def test_real_processes_train(tmp_path: Path) -> None:
    plan = Plan((REFERENCE,), (16,), trials=1, seeds=(0,), epochs=1)
    with processes(1) as executor:
        (row,) = Grid(made_up_world(30, 300, seed=0), Store(tmp_path, "data"), executor).measure(plan)
    assert np.isfinite(row.trials).all()
    assert row.by_examples == row.by_time
    assert row.train_s > 0
