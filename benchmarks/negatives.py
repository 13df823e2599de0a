"""What a positive is held against: every loss and choice of negatives in one table, tuned alike.

Protocol B of `benchmarks.retrieval_protocols`, with small towers. Each choice with 16, 64 and 512 columns beside the
positive gets the same number of trials of one random search on the validation events, the best of them is trained
with several seeds and asked once of the test. "Equal examples": epochs that draw as many rows. "Equal time": as many
epochs as come nearest to the processor time of the reference with 64 columns, by a clock of its own: what an epoch of
each row costs, all of them in turn (`benchmarks.negatives_clock`).
Finished trainings are kept (`--resume`), so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import negatives_training
from benchmarks.measured_import import peak_rss_mb
from benchmarks.negatives_choices import BASE, CHOICES, REFERENCE, SIZES, Choice, Draw
from benchmarks.negatives_clock import ROUNDS
from benchmarks.negatives_grid import Grid, Plan, Row, equal_epochs, processes
from benchmarks.negatives_results import comparisons, described, told
from benchmarks.negatives_tables import table
from benchmarks.negatives_training import PROTOCOL, rows_an_epoch
from benchmarks.report import Report, at_most, progress
from benchmarks.retrieval_options import add_data, add_store, dataset_of
from benchmarks.retrieval_protocols import splits
from benchmarks.retrieval_ratings import DataError, Ratings
from benchmarks.retrieval_states import DISLIKED
from benchmarks.retrieval_store import Store
from retrieval.config import ConfigError

_MINUTES, _SMALL_MINUTES = 240, 10
_MOST_EPOCHS = 20
"""Times the plan's: where age leaves fewer examples to an epoch, a choice is left out."""
_STEP_S, _READ_S = 0.04, 4e-5
"""A step, and an event read and asked, on the machine this was written on: for a first guess at the time it takes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("--seeds", type=int, nargs="+", help="seeds of the tuned trainings (default 0 1 2; small: 0)")
    parser.add_argument("--trials", type=int, help="of the search, for every row (default 6; small: 2)")
    parser.add_argument("--epochs", type=int, help="of a training with equal examples (default 8; small: 2)")
    parser.add_argument("--workers", type=int, default=2, help="processes, of one thread each (default 2)")
    add_store(parser, "negatives")


def run(arguments: argparse.Namespace) -> Report:
    small = arguments.small
    wanted = Plan(
        CHOICES,
        SIZES,
        trials=arguments.trials or (2 if small else 6),
        seeds=arguments.seeds or ([0] if small else [0, 1, 2]),
        epochs=arguments.epochs or (2 if small else 8),
    )
    try:
        dataset = dataset_of(arguments.data, small=small, num_items=1_500)
        plan, left_out = affordable(wanted, dataset)
    except DataError as wrong:
        print(wrong, file=sys.stderr)
        raise SystemExit(2) from wrong
    store = Store(arguments.resume, f"{dataset.fingerprint} {_code()}")
    if arguments.fresh:
        store.forget()
    guess = _guess_s(dataset, plan) / arguments.workers / 60
    progress(
        f"{dataset.name}: {plan.trainings} trainings, a clock of {ROUNDS} rounds and at most {plan.in_time} trainings "
        f"of equal time on {arguments.workers} processes, about {guess:.0f} minutes on two quiet cores; results are "
        f"kept in {store.folder}"
    )
    with processes(arguments.workers) as executor:
        grid = Grid(dataset, store, executor)
        rows = grid.measure(plan)
    clock_s = sum(one.fit_s for one in grid.rounds)
    minutes = (sum(one.fit_s + one.ask_s for one in grid.results.values()) + clock_s) / arguments.workers / 60
    results = {
        "data": dataset.name,
        "readers": len(np.unique(dataset.interactions.reader_ids)),
        "items": dataset.num_items,
        "events": len(dataset),
        "trials": plan.trials,
        "epochs": plan.epochs,
        "rows_a_step": BASE.training.batch_size,
        "left_out": left_out,
        "minutes_of_work": round(minutes, 2),
        "minutes_of_the_clock": round(clock_s / arguments.workers / 60, 2),
        "workers": arguments.workers,
        "trainings": len(grid.results),
        "trainings_of_earlier_runs": grid.reused,
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "peak_rss_mb_of_a_worker": round(max(one.settings["peak_rss_mb"] for one in grid.results.values()), 1),
        **values(rows),
    }
    limit = _SMALL_MINUTES if small else _MINUTES
    goals = [at_most(f"minutes of work of {arguments.workers} processes", minutes, limit)]
    return Report("negatives", list(plan.seeds), results, goals, table(results))


def values(rows: Sequence[Row]) -> dict[str, object]:
    """What was found, as the table reads it."""
    return {
        "reference": REFERENCE.name,
        "rows": [described(row) for row in rows],
        "comparisons": [told(one) for one in comparisons(rows)],
    }


def affordable(plan: Plan, dataset: Ratings) -> tuple[Plan, dict[str, str]]:
    """The plan less what cannot be measured on this data, and why. Raises DataError where nothing can."""
    validation = splits(dataset, PROTOCOL)[0].validation
    if validation is None or not len(validation.queries):
        raise DataError(f"{dataset.name}: no reader has events enough to tune on: more than 11 are needed.")
    left_out: dict[str, str] = {}
    sizes = [size for size in plan.sizes if 2 * size <= dataset.num_items]
    for size in sorted(set(plan.sizes) - set(sizes)):
        left_out[f"{size} columns"] = f"more than half of {dataset.num_items} items"
    if not sizes:
        raise DataError(f"{dataset.num_items} items are too few for any of {list(plan.sizes)} columns.")
    disliked = dataset.ratings is not None and bool((dataset.ratings <= DISLIKED).any())
    most_items = BASE.training.all_negatives_up_to

    def possible(choice: Choice) -> bool:
        if choice.dislikes and not disliked:
            left_out[choice.name] = "no ratings of 1 or 2"
        if not choice.sized and dataset.num_items > most_items:
            left_out[choice.name] = f"{dataset.num_items:,} items; at most {most_items:,} are affordable"
        try:
            choice.config(sizes[-1], Draw(0.5, 0.5, 1.0), epochs=1, seed=0).training.negatives_for(dataset.num_items)
        except ConfigError as too_large:
            left_out[choice.name] = str(too_large)
        if equal_epochs(dataset, choice, plan.epochs) > _MOST_EPOCHS * plan.epochs:
            left_out[choice.name] = f"as many examples would take more than {_MOST_EPOCHS} times the epochs"
        return choice.name not in left_out

    return replace(plan, sizes=sizes, choices=[choice for choice in plan.choices if possible(choice)]), left_out


def _guess_s(dataset: Ratings, plan: Plan) -> float:
    """Of one process for all."""
    epoch_s = rows_an_epoch(dataset, BASE) / BASE.training.batch_size * _STEP_S
    read_s = len(dataset) * _READ_S
    trainings = plan.trainings + plan.in_time
    return trainings * (plan.epochs * epoch_s + read_s) + ROUNDS * len(plan.rows()) * (epoch_s + read_s)


def _code() -> str:
    """A digest of how a training is made and asked; what it is told is in its own key."""
    return hashlib.sha256(Path(negatives_training.__file__).read_bytes()).hexdigest()[:12]
