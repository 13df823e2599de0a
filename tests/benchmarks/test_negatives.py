from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import negatives, negatives_clock, negatives_training
from benchmarks.negatives import add_arguments, affordable, run, values
from benchmarks.negatives_choices import CHOICES, PRIOR, REFERENCE, STRENGTH, Choice, Draw
from benchmarks.negatives_clock import ROUNDS, Pace
from benchmarks.negatives_grid import Plan, Row
from benchmarks.retrieval_ratings import DataError, Ratings
from benchmarks.retrieval_results import Outcome, Result
from benchmarks.retrieval_world import made_up_world
from retrieval.config import ConfigError, Negatives, TrainingConfig
from tests.benchmarks.small_ratings import ratings_of
from tests.benchmarks.test_negatives_grid import AtOnce

PLAN = Plan(CHOICES, (16, 64, 512), trials=2, seeds=(0,), epochs=2)
LISTS = {"coverage": 0.2, "popularity_bias": 1.5}


def arguments(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true")
    add_arguments(parser)
    return parser.parse_args(options)


def row(choice: Choice, columns: int, worth: np.ndarray) -> Row:
    outcome = Outcome("B", np.arange(len(worth)), {"ndcg@10": worth, "recall@100": worth}, LISTS)
    results = [Result("B", "key", seed, {"epochs": 2}, 1.0, 1.0, (outcome,)) for seed in (0, 1)]
    return Row(choice, columns, [0.1, 0.2], Draw(0.5, 0.5, 0.5), 2, Pace(0.5, 0.5), results, results)


def test_readers_with_few_events_cannot_be_tuned_on() -> None:
    with pytest.raises(DataError, match="tune"):
        affordable(PLAN, ratings_of({1: range(100, 104), 2: range(100, 105)}, num_items=200))


def test_sizes_that_a_catalogue_cannot_fill_are_left_out_and_said() -> None:
    plan, left_out = affordable(PLAN, made_up_world(20, 200, seed=0))
    assert plan.sizes == [16, 64]
    assert "512 columns" in left_out
    with pytest.raises(DataError, match="too few"):
        affordable(replace(PLAN, sizes=(512,)), made_up_world(20, 200, seed=0))


def test_without_ratings_there_are_no_dislikes() -> None:
    world = made_up_world(20, 200, seed=0)
    silent = Ratings("silent", world.interactions, None, None, world.items, {})
    plan, left_out = affordable(PLAN, silent)
    assert "in-batch, logQ, explicit dislikes" in left_out
    assert len(plan.choices) == len(CHOICES) - 1


def test_a_choice_whose_epochs_would_be_too_many_is_left_out_and_said() -> None:
    days = made_up_world(20, 200, seed=0)
    events = days.interactions
    years = replace(events, times_s=events.times_s * 40)
    plan, left_out = affordable(PLAN, Ratings("years", years, days.ratings, None, days.items, {}))
    assert "20 times the epochs" in left_out["in-batch, logQ, half-life of 30 days"]
    assert "in-batch, logQ, 50 of a reader" in {choice.name for choice in plan.choices}


def test_what_the_catalogue_is_too_large_for_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(training: TrainingConfig, num_items: int) -> Negatives:
        if training.hard_negatives:
            raise ConfigError(f"{num_items} items are too many to mine.")
        return Negatives.SAMPLED

    monkeypatch.setattr(TrainingConfig, "negatives_for", refused)
    plan, left_out = affordable(PLAN, made_up_world(20, 200, seed=0))
    assert left_out["mixed, hard negatives"] == "200 items are too many to mine."
    assert len(plan.choices) == len(CHOICES) - 1


def test_rows_are_compared_with_the_reference_and_strength_with_the_prior() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(200)
    full = next(choice for choice in CHOICES if not choice.sized)
    rows = [
        row(REFERENCE, 16, base),
        row(REFERENCE, 64, base),
        row(STRENGTH, 64, base + 0.1 + rng.normal(0, 0.05, 200)),
        row(PRIOR, 64, base + rng.normal(0, 0.05, 200)),
        row(full, 0, base - 0.2 + rng.normal(0, 0.05, 200)),
    ]
    found = values(rows)
    json.dumps(found, allow_nan=False)
    verdicts = {
        (one["name"], one["against"]): one["verdict"]
        for one in found["comparisons"]  # type: ignore[attr-defined]
        if (one["budget"], one["metric"]) == ("equal time", "ndcg@10")
    }
    assert verdicts == {
        (STRENGTH.name, REFERENCE.name): "better",
        (PRIOR.name, REFERENCE.name): "cannot tell",
        (full.name, REFERENCE.name): "worse",
        (STRENGTH.name, PRIOR.name): "better",
    }
    assert len(found["comparisons"]) == 16  # type: ignore[arg-type]


def test_a_small_run_tells_every_row_and_keeps_its_trainings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pretended(dataset: Ratings, cell: negatives_training.Cell) -> Result:
        training = cell.config.training
        worth = np.random.default_rng(int(cell.key[-8:], 16)).random(100)
        outcome = Outcome("B", np.arange(100), {"ndcg@10": worth, "recall@100": worth}, LISTS)
        settings = {"epochs": training.epochs, "peak_rss_mb": 100.0}
        return Result("B", cell.key, training.seed, settings, 1.0, 0.5, (outcome,))

    def alike(dataset: Ratings, cells: Sequence[negatives_training.Cell], number: int) -> Result:
        seconds = {name: 1.0 for cell in cells for name in (cell.key, f"{cell.key} later")}
        return Result("B", negatives_clock.key(cells), number, seconds, 60.0, 0.0, ())

    class Started:
        def __init__(self, number: int) -> None:
            self.number = number

        def __enter__(self) -> AtOnce:
            return AtOnce()

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(negatives_training, "do", pretended)
    monkeypatch.setattr(negatives_clock, "one_round", alike)
    monkeypatch.setattr(negatives, "processes", Started)
    report = run(arguments("--small", "--resume", str(tmp_path)))
    assert len(report.table) == 1 + 3 * (len(CHOICES) - 1) + 1 + 3
    assert report.met
    json.loads(report.json_line())
    kept = len(list(tmp_path.glob("*.npz"))) - ROUNDS
    assert report.results["trainings"] == kept
    few = 3  # columns of the half-life, whose epochs of fewer rows are more: in equal time they are a training apart
    assert 3 * (3 * (len(CHOICES) - 1) + 1) + few <= kept <= 4 * (3 * (len(CHOICES) - 1) + 1)
    assert report.results["minutes_of_the_clock"] == ROUNDS / 2
    again = run(arguments("--small", "--resume", str(tmp_path)))
    assert again.results["trainings_of_earlier_runs"] == report.results["trainings"]
    assert again.table == report.table
    said = capsys.readouterr().err
    assert "minutes left" in said
    assert "minutes on two quiet cores" in said


def test_data_that_is_not_there_is_a_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        run(arguments("--data", str(tmp_path / "nothing.csv")))
    assert caught.value.code == 2
