"""Whether the second stage earns its place: the whole funnel beside the orders that it is given, and beside peers.

Protocols A, B and C of `benchmarks.retrieval_protocols`, full catalogue, seen items removed. The ranker is a bootstrap:
it learns from label events held back of what may be learned from (`benchmarks.ranking_labels`), with scores of shadow
sources that are blind to all of them; then every source is fitted again on everything, and the pair is asked.
Settings were chosen on validation splits only. Finished results are kept (`--resume`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Literal

import numpy as np

from benchmarks.ranking_funnel import FUNNEL, FUSION
from benchmarks.ranking_runs import ORDERS, funnel_store, measured
from benchmarks.ranking_tables import BEST_SOURCE, best_source, by_model, relative_gain, table, values
from benchmarks.report import Goal, Report, at_least, at_most, progress
from benchmarks.retrieval_data import MOVIELENS
from benchmarks.retrieval_options import add_data, add_store, dataset_of
from benchmarks.retrieval_ratings import DataError, Ratings
from benchmarks.retrieval_runs import Measured
from benchmarks.retrieval_tables import Standing, above, standings

PROTOCOLS = ("A", "B", "C")

_GAIN_OVER_FUSION = 0.08
_ON_A = {"ndcg@10": 0.125, "recall@10": 0.225}
_MINUTES = 75


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("--protocol", nargs="+", choices=PROTOCOLS, help="what to ask (default: all; small: B)")
    parser.add_argument("--seeds", type=int, nargs="+", help="training seeds (default 0 1 2; small: 0)")
    add_store(parser, "ranking_quality", note="; peers that retrieval_quality left in it are not fitted again")


def run(arguments: argparse.Namespace) -> Report:
    small = arguments.small
    protocols = arguments.protocol or (["B"] if small else list(PROTOCOLS))
    seeds = arguments.seeds or ([0] if small else [0, 1, 2])
    try:
        dataset = dataset_of(arguments.data, small=small)
        if arguments.fresh:
            funnel_store(arguments.resume, dataset).forget()
        progress(f"{dataset.name}: {len(dataset):,} events, {dataset.num_items:,} items; kept in {arguments.resume}")
        found = measured(dataset, protocols, seeds, arguments.resume)
    except DataError as wrong:
        print(wrong, file=sys.stderr)
        raise SystemExit(2) from wrong
    return report(dataset, found, protocols, seeds, small=small)


def report(
    dataset: Ratings, measured: Measured, protocols: Sequence[str], seeds: Sequence[int], *, small: bool
) -> Report:
    found = standings(measured)
    minutes = minutes_of_work(measured)
    is_movielens = dataset.name == MOVIELENS
    goals = _movielens_goals(found) if is_movielens else _popularity_goals(found, small=small)
    if is_movielens and len(seeds) == 3 and set(protocols) == set(PROTOCOLS):
        goals.append(at_most("all protocols, minutes of work", minutes, _MINUTES))
    results = {
        "data": dataset.name,
        "readers": len(np.unique(dataset.interactions.reader_ids)),
        "items": dataset.num_items,
        "events": len(dataset),
        "asked": values(found),
        "left_out": measured.left_out,
        "not_tuned": measured.untuned,
        "minutes_of_work": round(minutes, 2),
        "results_of_earlier_runs": measured.reused,
    }
    return Report("ranking_quality", list(seeds), results, goals, table(found))


def minutes_of_work(measured: Measured) -> float:
    """A funnel's seconds hold those of its sources, which are asked with it."""
    inside = set(ORDERS) - {FUNNEL}
    seconds = sum(one.fit_s + one.ask_s for one in measured.results if one.model not in inside)
    return (seconds + measured.tuning_s) / 60


def _movielens_goals(found: Sequence[Standing]) -> list[Goal]:
    goals = []
    if on_b := by_model(found, "B"):
        goals += [
            above(on_b[FUNNEL], best_source(on_b), name=BEST_SOURCE),
            above(on_b[FUNNEL], on_b[FUSION]),
            at_least("B: relative gain over fusion, NDCG@10", relative_gain(on_b, FUSION), _GAIN_OVER_FUSION),
        ]
    if on_a := by_model(found, "A"):
        goals += [
            at_least(f"A: {metric} of the funnel", on_a[FUNNEL].mean(metric), limit) for metric, limit in _ON_A.items()
        ]
    return goals


def _popularity_goals(found: Sequence[Standing], *, small: bool) -> list[Goal]:
    """What can be asked of any data; of few readers only that the difference does not speak against the funnel."""
    on = {split: by_model(found, split) for split in dict.fromkeys(standing.split for standing in found)}
    end: Literal["low", "high"] = "high" if small else "low"
    return [above(models[FUNNEL], models["popularity"], end=end) for models in on.values()]
