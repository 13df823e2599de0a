from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import retrieval_quality
from benchmarks.retrieval_data import MOVIELENS
from benchmarks.retrieval_peers import PEERS, fit_covisitation, fit_item_knn
from benchmarks.retrieval_protocols import Scorer, Split
from benchmarks.retrieval_quality import TWO_TOWER, UNION, add_arguments, report, run
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_results import Outcome, Result
from benchmarks.retrieval_runs import Measured, Model
from benchmarks.retrieval_world import made_up_world

LISTS = {"coverage": 0.5, "novelty_bits": 3.0, "popularity_bias": 1.5, "overlap": 0.1}
METRICS = ("recall@10", "ndcg@10", "mrr@10", "recall@100", "recall@300")


def result(protocol: str, model: str, value: float, *, seed: int = 0, fit_s: float = 10.0) -> Result:
    outcome = Outcome(protocol, np.arange(50), {name: np.full(50, value) for name in METRICS}, LISTS)
    return Result(protocol, model, seed, {}, fit_s, 1.0, (outcome,))


def movielens() -> Ratings:
    world = made_up_world(10, 30, seed=0)
    return Ratings(MOVIELENS, world.interactions, world.ratings, None, world.items, {})


def goals(
    results: list[Result], protocols: list[str], dataset: Ratings | None = None, *, small: bool = False
) -> dict[str, bool]:
    shown = report(dataset or movielens(), Measured(results), protocols, [0, 1, 2], small=small)
    return {goal.name: goal.met for goal in shown.goals}


def test_what_the_issue_promises_of_movielens_is_a_goal() -> None:
    results = [
        result("A", TWO_TOWER, 0.63),
        result("A", UNION, 0.7),
        *(result("B", model, 0.1) for model in ("iALS", "BPR")),
        result("B", TWO_TOWER, 0.11),
        result("B", "EASE", 0.11),
        result("C", TWO_TOWER, 0.43),
    ]
    met = goals(results, ["A", "B", "C"])
    assert met["A: recall@10 of the two-tower"]
    assert met["A: ndcg@10 of the two-tower"]
    assert met["A: recall@100 of the two-tower"]
    assert met["A: recall@100 of the union"]
    assert not met["A: recall@300 of the union"]
    assert met["B: ndcg@10 of the two-tower minus iALS's, low end of the interval"]
    assert met["B: ndcg@10 of the two-tower minus BPR's, low end of the interval"]
    assert not met["B: ndcg@10 of the two-tower minus EASE's, low end of the interval"]
    assert not met["C: ndcg@10 of the two-tower"]
    assert met["longest training of the two-tower, s"]
    assert met["all protocols, minutes of work"]


def test_time_is_a_goal_too() -> None:
    slow = [result("A", TWO_TOWER, 0.7, fit_s=301), result("A", UNION, 0.9, fit_s=1_300)]
    met = goals(slow, ["A"])
    assert not met["longest training of the two-tower, s"]
    assert not met["protocol A alone, minutes of work"]
    assert "all protocols, minutes of work" not in met


def test_of_other_data_only_popularity_must_be_beaten() -> None:
    results = [result("A", TWO_TOWER, 0.02), result("A", "popularity", 0.01)]
    met = goals(results, ["A"], made_up_world(10, 30, seed=0))
    assert list(met) == [
        "A: ndcg@10 of the two-tower minus popularity's, low end of the interval",
        "peak memory of this run, GiB",
    ]
    assert all(met.values())


def test_other_data_has_forty_minutes_for_one_protocol_and_seed() -> None:
    world = made_up_world(10, 30, seed=0)

    def minutes(fit_s: float, protocols: list[str], seeds: list[int]) -> list[bool]:
        results = [result("B", TWO_TOWER, 0.02, fit_s=fit_s), result("B", "popularity", 0.01)]
        shown = report(world, Measured(results), protocols, seeds, small=False)
        return [goal.met for goal in shown.goals if goal.name == "minutes of work"]

    assert minutes(39 * 60, ["B"], [0]) == [True]
    assert minutes(41 * 60, ["B"], [0]) == [False]
    assert minutes(41 * 60, ["B"], [0, 1]) == minutes(41 * 60, ["A", "B"], [0]) == []


def test_processor_seconds_stand_beside_those_of_the_wall() -> None:
    trainings = [
        replace(result("A", TWO_TOWER, 0.7, seed=seed, fit_s=fit_s), fit_cpu_s=cpu_s)
        for seed, (fit_s, cpu_s) in enumerate([(310.0, 200.0), (290.0, 250.0)])
    ]
    shown = report(movielens(), Measured(trainings), ["A"], [0, 1], small=False)
    assert shown.results["longest_two_tower_training"] == {"wall_s": 310.0, "cpu_s": 200.0}
    (goal,) = (goal for goal in shown.goals if goal.name.startswith("longest training"))
    assert (goal.value, goal.met) == (310.0, False)
    line = dict(zip(*shown.table[:2], strict=True))
    assert (line["fit s"], line["fit CPU s"]) == ("300.0", "225.0")
    assert shown.results["asked"]["A"][TWO_TOWER]["fit_cpu_s"] == 225.0


def test_what_the_evaluation_promises_is_printed() -> None:
    shown = report(movielens(), Measured([result("A", TWO_TOWER, 0.1)]), ["A"], [0], small=False)
    wanted = {"R@10", "NDCG@10", "MRR@10", "R@100", "R@300", "R@10 of 4-5", "NDCG@10 of 4-5"}
    wanted |= {"coverage", "novelty bits", "pop. bias", "overlap", "seeds +-", "two-tower minus it, NDCG@10"}
    assert wanted <= set(shown.table[0])


def test_readers_with_too_few_events_are_wrong_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "few.csv"
    file.write_text("reader,item,time\n1,10,100\n2,11,200\n3,12,300\n")
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true")
    add_arguments(parser)
    with pytest.raises(SystemExit) as stopped:
        run(parser.parse_args(["--data", str(file), "--protocol", "B", "--resume", str(tmp_path / "kept")]))
    assert stopped.value.code == 2
    assert "no reader has events enough" in capsys.readouterr().err


def test_the_benchmark_runs_from_its_arguments_and_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def towers(dataset: Ratings, split: Split, *, seed: int) -> Scorer:
        return fit_item_knn(dataset, split, seed=seed, neighbours=50)

    def union(dataset: Ratings, split: Split, *, seed: int) -> Scorer:
        return fit_covisitation(dataset, split, seed=seed, recency=0.9, row_power=0.0)

    models = (Model(TWO_TOWER, towers, seeded=True, ours=True), Model(UNION, union, seeded=True, ours=True), *PEERS[:2])
    monkeypatch.setattr(retrieval_quality, "MODELS", models)
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true")
    add_arguments(parser)
    options = parser.parse_args(["--small", "--protocol", "B", "cold", "--resume", str(tmp_path)])
    first = run(options)
    told = json.loads(first.json_line())
    assert told["results"]["results_of_earlier_runs"] == 0
    assert list(told["results"]["asked"]) == ["B", "cold readers", "cold items", "cold items, among themselves"]
    assert list(told["results"]["asked"]["B"]) == [TWO_TOWER, UNION, "random", "popularity"]
    assert told["results"]["published"] == {}
    assert first.met
    assert "two-tower minus it" in first.text()
    again = run(options)
    assert again.results["results_of_earlier_runs"] == 8
    assert again.results["asked"] == told["results"]["asked"]
    options.fresh = True
    assert run(options).results["results_of_earlier_runs"] == 0


def test_wrong_data_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = argparse.Namespace(data=tmp_path / "absent.csv", small=False)
    with pytest.raises(SystemExit) as stopped:
        run(options)
    assert stopped.value.code == 2
    assert "does not exist" in capsys.readouterr().err
