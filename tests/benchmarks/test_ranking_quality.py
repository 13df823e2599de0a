from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ranking_runs, retrieval_options
from benchmarks.ranking_funnel import FUNNEL, FUSION, TYPE_1, TYPE_2
from benchmarks.ranking_quality import add_arguments, minutes_of_work, report, run
from benchmarks.ranking_runs import ORDERS, funnel_store
from benchmarks.ranking_sources import SOURCES, TWO_TOWER
from benchmarks.retrieval_data import MOVIELENS
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_results import Outcome, Result
from benchmarks.retrieval_runs import Measured
from benchmarks.retrieval_world import made_up_world
from tests.benchmarks.small_funnel import RANKER, Fitted

METRICS = ("recall@10", "ndcg@10", "recall@100", TYPE_1, TYPE_2)


def result(protocol: str, model: str, value: float, *, seed: int = 0, fit_s: float = 60.0) -> Result:
    spread = np.linspace(-0.01, 0.01, 50)
    outcome = Outcome(protocol, np.arange(50), dict.fromkeys(METRICS, value + spread), {})
    return Result(protocol, model, seed, {}, fit_s, 0.0, (outcome,))


def funnel_results(protocol: str, funnel: float, fusion: float, best: float) -> list[Result]:
    sources = [result(protocol, name, best if name == TWO_TOWER else best / 2) for name in SOURCES]
    return [result(protocol, FUNNEL, funnel), result(protocol, FUSION, fusion), *sources]


def movielens() -> Ratings:
    world = made_up_world(10, 30, seed=0)
    return Ratings(MOVIELENS, world.interactions, world.ratings, None, world.items, {})


def goals(results: list[Result], protocols: list[str], dataset: Ratings | None = None) -> dict[str, bool]:
    shown = report(dataset or movielens(), Measured(results), protocols, [0], small=False)
    return {goal.name: goal.met for goal in shown.goals}


def test_what_the_issue_promises_of_movielens_is_a_goal() -> None:
    met = goals([*funnel_results("A", 0.23, 0.2, 0.19), *funnel_results("B", 0.16, 0.15, 0.17)], ["A", "B"])
    assert met == {
        "B: ndcg@10 of the funnel minus the best single source's, low end of the interval": False,
        "B: ndcg@10 of the funnel minus fusion's, low end of the interval": True,
        "B: relative gain over fusion, NDCG@10": False,
        "A: ndcg@10 of the funnel": True,
        "A: recall@10 of the funnel": True,
    }
    assert goals(funnel_results("B", 0.17, 0.15, 0.16), ["B"])["B: relative gain over fusion, NDCG@10"]


def test_of_other_data_only_popularity_must_be_beaten() -> None:
    results = [*funnel_results("B", 0.2, 0.3, 0.3), result("B", "popularity", 0.1)]
    assert goals(results, ["B"], made_up_world(10, 30, seed=0)) == {
        "B: ndcg@10 of the funnel minus popularity's, low end of the interval": True
    }


def test_the_best_source_is_the_one_to_beat_and_losses_are_told() -> None:
    shown = report(movielens(), Measured(funnel_results("B", 0.18, 0.15, 0.16)), ["B"], [0], small=False)
    told = shown.results["asked"]["B"]
    assert told["best_single_source"] == TWO_TOWER
    assert told["relative_gain_over_fusion"] == pytest.approx(0.2)
    assert told["relative_gain_over_best_single_source"] == pytest.approx(0.125)
    funnel = told["orders"][FUNNEL]
    assert funnel["not_retrieved"] == funnel["ranked_low"] == pytest.approx(0.18)
    assert funnel["funnel_minus_it_ndcg@10"] is None
    assert told["orders"][FUSION]["funnel_minus_it_ndcg@10"]["mean"] == pytest.approx(0.03)
    assert f"source: {TWO_TOWER} (best)" in shown.text()


def test_a_funnels_time_holds_that_of_its_sources() -> None:
    measured = Measured([*funnel_results("B", 0.2, 0.1, 0.1), result("B", "EASE", 0.1, fit_s=30)], tuning_s=30)
    assert minutes_of_work(measured) == 2.0


def test_the_benchmark_runs_from_its_arguments_and_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = Fitted(monkeypatch)
    monkeypatch.setattr(ranking_runs, "BESIDE", ranking_runs.BESIDE[:2])
    monkeypatch.setattr(ranking_runs, "RANKER", RANKER)
    monkeypatch.setattr(retrieval_options, "_SMALL_READERS", 20)
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true")
    add_arguments(parser)
    options = parser.parse_args(["--small", "--resume", str(tmp_path)])
    first = run(options)
    told = json.loads(first.json_line())["results"]
    assert told["results_of_earlier_runs"] == 0
    assert list(told["asked"]["B"]["orders"]) == ["random", "popularity", *ORDERS]
    assert first.met
    assert len(fitted.splits) == 2
    again = run(options)
    assert len(fitted.splits) == 2
    assert again.results["results_of_earlier_runs"] == 2 + len(ORDERS)
    assert again.results["asked"] == first.results["asked"]
    options.fresh = True
    assert run(options).results["results_of_earlier_runs"] == 0
    assert len(fitted.splits) == 4


def test_a_funnel_is_taken_over_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = Fitted(monkeypatch)
    monkeypatch.setattr(ranking_runs, "BESIDE", ())
    monkeypatch.setattr(ranking_runs, "RANKER", RANKER)
    world = made_up_world(20, 200, seed=0)
    ranking_runs.measured(world, ["C"], [0], tmp_path)
    next(tmp_path.glob(f"C-{FUSION}-0-*")).unlink()
    found = ranking_runs.measured(world, ["C"], [0], tmp_path)
    assert found.reused == 0
    assert len(found.results) == len(ORDERS)
    assert len(fitted.splits) == 4


def test_what_a_funnel_left_is_not_what_peers_left(tmp_path: Path) -> None:
    world = made_up_world(10, 30, seed=0)
    assert funnel_store(tmp_path, world).data != world.fingerprint


def test_wrong_data_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = argparse.Namespace(data=tmp_path / "absent.csv", small=False, protocol=None, seeds=None)
    with pytest.raises(SystemExit) as stopped:
        run(options)
    assert stopped.value.code == 2
    assert "does not exist" in capsys.readouterr().err
