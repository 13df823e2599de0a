"""How good the two towers are beside models that people already trust, on the same splits in the same run.

Three protocols and readers and items that training has not seen: `benchmarks.retrieval_protocols` says what is asked.
Finished results are kept (`--resume`), so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.report import Goal, Report, at_least, at_most, progress
from benchmarks.retrieval_data import MOVIELENS
from benchmarks.retrieval_options import add_data, add_store, dataset_of
from benchmarks.retrieval_ours import fit_two_tower, fit_union
from benchmarks.retrieval_peers import PEERS
from benchmarks.retrieval_protocols import PROTOCOLS
from benchmarks.retrieval_ratings import DataError, Ratings
from benchmarks.retrieval_runs import Measured, Model, measure
from benchmarks.retrieval_store import Store
from benchmarks.retrieval_tables import PUBLISHED, Standing, above, standings, table, values

TWO_TOWER, UNION = "two-tower", "union"
MODELS = (
    Model(TWO_TOWER, fit_two_tower, seeded=True, ours=True),
    Model(UNION, fit_union, seeded=True, ours=True),
    *PEERS,
)

_GOALS = {
    "A": {
        TWO_TOWER: {"recall@10": 0.165, "ndcg@10": 0.086, "recall@100": 0.62},
        UNION: {"recall@100": 0.68, "recall@300": 0.88},
    },
    "C": {TWO_TOWER: {"ndcg@10": 0.44}},
}
_BEATEN_ON_B = ("iALS", "BPR", "EASE")
_TRAINING_S, _PEAK_GIB = 300, 6
_MINUTES, _MINUTES_A, _MINUTES_OF_OTHERS = 75, 25, 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument(
        "--protocol", nargs="+", choices=PROTOCOLS, help="what to ask (default: all; small: A, B and C)"
    )
    parser.add_argument("--seeds", type=int, nargs="+", help="training seeds (default 0 1 2; small: 0)")
    add_store(parser, "retrieval_quality")


def run(arguments: argparse.Namespace) -> Report:
    try:
        return _measured(arguments)
    except DataError as wrong:
        print(wrong, file=sys.stderr)
        raise SystemExit(2) from wrong


def _measured(arguments: argparse.Namespace) -> Report:
    dataset = dataset_of(arguments.data, small=arguments.small)
    protocols = arguments.protocol or (PROTOCOLS[:3] if arguments.small else PROTOCOLS)
    seeds = arguments.seeds or ([0] if arguments.small else [0, 1, 2])
    store = Store(arguments.resume, dataset.fingerprint)
    if arguments.fresh:
        store.forget()
    progress(
        f"{dataset.name}: {len(dataset):,} events, {dataset.num_items:,} items; results are kept in {store.folder}"
    )
    return report(dataset, measure(dataset, MODELS, protocols, seeds, store), protocols, seeds, small=arguments.small)


def report(
    dataset: Ratings, measured: Measured, protocols: Sequence[str], seeds: Sequence[int], *, small: bool
) -> Report:
    found = standings(measured)
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
    minutes = (sum(one.fit_s + one.ask_s for one in measured.results) + measured.tuning_s) / 60
    goals = _movielens_goals(found) if dataset.name == MOVIELENS else _popularity_goals(found, small=small)
    goals.append(at_most("peak memory of this run, GiB", peak_gib, _PEAK_GIB))
    if dataset.name == MOVIELENS:
        goals += _time_goals(measured, minutes, protocols, seeds)
    elif len(protocols) == len(seeds) == 1:
        goals.append(at_most("minutes of work", minutes, _MINUTES_OF_OTHERS))
    results = {
        "data": dataset.name,
        "readers": len(np.unique(dataset.interactions.reader_ids)),
        "items": dataset.num_items,
        "events": len(dataset),
        "asked": values(found, TWO_TOWER),
        "published": PUBLISHED if dataset.name == MOVIELENS else {},
        "left_out": measured.left_out,
        "not_tuned": measured.untuned,
        "minutes_of_work": round(minutes, 2),
        "longest_two_tower_training": _longest_training(measured),
        "results_of_earlier_runs": measured.reused,
        "peak_rss_gib": round(peak_gib, 3),
    }
    shown = table(found, TWO_TOWER, published=dataset.name == MOVIELENS)
    return Report("retrieval_quality", list(seeds), results, goals, shown)


def _longest_training(measured: Measured) -> dict[str, float | None]:
    """By the wall, as the goal has it, and beside it what all processors spent on it."""
    trained = [one for one in measured.results if one.model == TWO_TOWER]
    if not trained:
        return {}
    longest = max(trained, key=lambda one: one.fit_s)
    cpu_s = longest.fit_cpu_s
    return {"wall_s": round(longest.fit_s, 1), "cpu_s": None if cpu_s is None else round(cpu_s, 1)}


def _movielens_goals(found: Sequence[Standing]) -> list[Goal]:
    at = {(standing.split, standing.model): standing for standing in found}
    goals = [
        at_least(f"{protocol}: {metric} of the {model}", at[protocol, model].mean(metric), limit)
        for protocol, models in _GOALS.items()
        for model, limits in models.items()
        for metric, limit in limits.items()
        if (protocol, model) in at
    ]
    if ("B", TWO_TOWER) in at:
        goals += [above(at["B", TWO_TOWER], at["B", peer]) for peer in _BEATEN_ON_B]
    return goals


def _popularity_goals(found: Sequence[Standing], *, small: bool) -> list[Goal]:
    """What can be asked of any data; of few readers only that the difference does not speak against us."""
    at = {(standing.split, standing.model): standing for standing in found}
    return [
        above(at[split, TWO_TOWER], at[split, "popularity"], end="high" if small else "low")
        for split in ("A", "B", "C")
        if (split, TWO_TOWER) in at
    ]


def _time_goals(measured: Measured, minutes: float, protocols: Sequence[str], seeds: Sequence[int]) -> list[Goal]:
    trained = [one.fit_s for one in measured.results if one.model == TWO_TOWER]
    goals = [at_most("longest training of the two-tower, s", max(trained), _TRAINING_S)]
    if len(seeds) == 3 and set(protocols) >= {"A", "B", "C"}:
        goals.append(at_most("all protocols, minutes of work", minutes, _MINUTES))
    if len(seeds) == 3 and list(protocols) == ["A"]:
        goals.append(at_most("protocol A alone, minutes of work", minutes, _MINUTES_A))
    return goals
