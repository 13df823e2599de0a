"""What the index costs: build, bytes, time and recall, from ten thousand to a million items, beside bare FAISS.

Everything is asked one query at a time, vector in, ids and scores out, in a process with one thread. `ratio` is to the
FAISS call that gives the same answer as row numbers: IndexFlatIP for the exact kind; the inverted lists with the same
nprobe, put in order by float32 vectors (IndexRefine) where the index does so too. `ratio_to_scan` leaves that out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.index_cases import K
from benchmarks.index_world import CLUSTERS, DIM, NOISE, SPREAD, TASTE_DIM
from benchmarks.report import ROOT, Goal, Report, at_least, at_most, progress
from retrieval.index import Kind

RECALL_GOAL = 0.95
RATIO_GOAL = 1.15
GROWTH_GOAL = 2.0

FULL_SIZES, FULL_QUERIES, FULL_ROUNDS = (10_000, 100_000, 1_000_000), 300, 9
SMALL_SIZES, SMALL_QUERIES, SMALL_ROUNDS = (10_000, 100_000), 100, 5

_SLOW_KINDS_UP_TO = {Kind.EXACT: 100_000, Kind.HNSW: 100_000}
"""An exact search of a million items takes 30 ms, and a graph of them seven minutes to build."""

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Measured = dict[str, Any]
"""`benchmarks.index_measured.Measured` as JSON."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of items, rising (default 10,000 to a million)")
    parser.add_argument("--queries", type=int, help=f"queries a round (default {FULL_QUERIES}, small {SMALL_QUERIES})")
    parser.add_argument("--seed", type=int, default=1)


def run(arguments: argparse.Namespace) -> Report:
    sizes = arguments.sizes or (SMALL_SIZES if arguments.small else FULL_SIZES)
    queries = arguments.queries or (SMALL_QUERIES if arguments.small else FULL_QUERIES)
    rounds = SMALL_ROUNDS if arguments.small else FULL_ROUNDS
    measured = []
    for smaller, size in zip([0, *sizes], sizes, strict=False):
        others = [] if arguments.small else [kind for kind in Kind if size <= _SLOW_KINDS_UP_TO.get(kind, size)]
        progress(f"{size:,} items")
        options = {"smaller": smaller, "queries": queries, "rounds": rounds, "seed": arguments.seed}
        measured.append(_measure(size, others, options))
    return report(measured, arguments.seed, queries)


def _measure(size: int, others: Sequence[Kind], options: Mapping[str, int]) -> Measured:
    command = [sys.executable, "-m", "benchmarks.index_measured", str(size), "--kinds", *others]
    command += [f"--{name}={value}" for name, value in options.items()]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | _ONE_THREAD, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def report(measured: Sequence[Measured], seed: int, queries: int) -> Report:
    results = {
        "k": K,
        "queries": queries,
        "world": {"clusters": CLUSTERS, "taste_dim": TASTE_DIM, "dim": DIM, "spread": SPREAD, "noise": NOISE},
        "sizes": measured,
    }
    return Report("index", [seed], results, _goals(measured), _table(measured))


def _goals(measured: Sequence[Measured]) -> list[Goal]:
    goals = []
    for one in measured:
        size = f"{one['num_items']:,} items"
        for case in one["cases"]:
            if case["ratios"]:  # of exclusions and changes it is only said what they cost
                goals.append(at_least(f"recall@{K}, {size}, {case['name']}", case["recall"], RECALL_GOAL))
                goals.append(at_most(f"over bare FAISS, {size}, {case['name']}", case["ratios"]["faiss"], RATIO_GOAL))
    if len(measured) > 1:
        smaller, larger = measured[-2:]
        sizes = f"{smaller['num_items']:,} to {larger['num_items']:,} items"
        goals.append(at_most(f"median search, {sizes}", larger["growth"], GROWTH_GOAL))
    return goals


def _table(measured: Sequence[Measured]) -> list[Sequence[str]]:
    header = (
        "items, case",
        "kind",
        "build s",
        "CPU s",
        "B/item",
        "p50 ms",
        "p99 ms",
        "recall",
        "FAISS ms",
        "ratio",
        "of scan",
    )
    rows: list[Sequence[str]] = [header]
    for one in measured:
        size = f"{one['num_items']:,}"
        rows += [_row(f"{size}, {case['name']}", one["built"], case) for case in one["cases"]]
        rows += [_row(f"{size}, otherwise", built, case) for built, case in one["other_kinds"]]
        rows.append((f"{size}, change of 200", "", "", "", "", f"{one['apply_ms']:.3f}", *[""] * 5))
        rows.append((f"{size}, peak of all this", "", "", "", f"{one['peak_rss_mb']:.0f} MiB", *[""] * 6))
    return rows


def _row(name: str, built: Measured, case: Measured) -> tuple[str, ...]:
    ratios, recall = case["ratios"], case["recall"]
    return (
        name,
        built["kind"],
        f"{built['build_seconds']:.1f}",
        f"{built['build_cpu_seconds']:.1f}",
        f"{built['ann_bytes_per_item']:.0f}+{built['vector_bytes_per_item']:.0f}",
        f"{case['p50_ms']:.3f}",
        f"{case['p99_ms']:.3f}",
        "" if recall is None else f"{recall:.4f}",
        f"{case['bare_p50_ms']['faiss']:.3f}" if ratios else "",
        f"{ratios['faiss']:.3f}" if ratios else "",
        f"{ratios['faiss scan']:.3f}" if "faiss scan" in ratios else "",
    )
