"""What ranking a request costs: features, scores and slate on one thread, beside bare prediction on the same matrix.

The bare one is `Booster.predict` of LightGBM, 300 trees of 63 leaves trained on made-up visits. What makes prediction
itself cheaper is measured beside it: fewer trees and leaves, with what they lose of NDCG on later visits, and the
same trees asked of ONNX Runtime or compiled. Each path has the same goal, LightGBM's without any saving too. A part by
itself finds its data in the caches, so that the parts add up to less than the whole.

Beside that, on visits that no ranker learned from: what a cheap first pass over 1,000 and 3,000 candidates loses of
the page and saves of the time; what caps and MMR cost of NDCG and buy in distance; and what contributions take.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping

from benchmarks.ranking_speed_measured import TOLD_AT
from benchmarks.ranking_speed_models import SMALLER
from benchmarks.ranking_speed_paths import PATHS
from benchmarks.ranking_speed_tables import Measured, table
from benchmarks.report import ROOT, Goal, Report, at_most, progress

RATIO_GOAL = 1.4
FEATURES_MS_GOAL = 2.0
DIFFERENCE_GOAL = 1e-5
FULL = {"items": 100_000, "visits": 1_500, "models": len(SMALLER), "rounds": 15, "pages": 150}
SMALL = {"items": 20_000, "visits": 150, "models": 1, "rounds": 5, "pages": 15}

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_IMPORTS = ("lightgbm", "onnxruntime", "onnxruntime, lightgbm")
_RESIDENT = """
import numpy
def resident_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024
before = resident_mb()
import {modules}
print(resident_mb() - before)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--items", type=int, help="items of the catalogue (default 100,000, small 20,000)")
    parser.add_argument("--visits", type=int, help="visits to train on, of 100 candidates (default 1,500, small 150)")
    parser.add_argument("--models", type=int, help=f"smaller models to try (default {len(SMALLER)}, small 1)")
    parser.add_argument("--rounds", type=int, help="rounds of requests (default 15, small 5)")
    parser.add_argument("--pages", type=int, help="visits to judge first passes on (default 150, small 15)")
    parser.add_argument("--seed", type=int, default=1)


def run(arguments: argparse.Namespace) -> Report:
    options = {
        name: usual if getattr(arguments, name) is None else getattr(arguments, name)
        for name, usual in (SMALL if arguments.small else FULL).items()
    }
    measured = _measure({**options, "seed": arguments.seed})
    return report(measured, {modules: _import_mb(modules) for modules in _IMPORTS}, options, arguments.seed)


def _measure(options: Mapping[str, int]) -> Measured:
    command = [sys.executable, "-m", "benchmarks.ranking_speed_measured"]
    command += [f"--{name}={value}" for name, value in options.items()]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | _ONE_THREAD, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _import_mb(modules: str) -> float | None:
    """MiB that a process with numpy grows by; None where there is no /proc to ask."""
    if not os.path.exists("/proc/self/status"):
        return None
    progress(f"importing {modules}")
    command = [sys.executable, "-c", _RESIDENT.format(modules=modules)]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | _ONE_THREAD, capture_output=True, text=True, check=True)
    return round(float(done.stdout), 1)


def report(measured: Measured, import_mb: Mapping[str, float | None], options: Mapping[str, int], seed: int) -> Report:
    results = {**options, **measured, "import_mb": dict(import_mb)}
    return Report("ranking_speed", [seed], results, _goals(measured), table(measured, import_mb))


def _goals(measured: Measured) -> list[Goal]:
    told = measured["at"][str(TOLD_AT)]
    goals = [
        at_most(
            f"features, score and slate over bare predict, {TOLD_AT} candidates, {path}",
            told[path]["ratio"],
            RATIO_GOAL,
        )
        for path in PATHS
    ]
    goals.append(at_most("features of 500 candidates, p50 ms", measured["features_at_500"]["p50_ms"], FEATURES_MS_GOAL))
    largest = max(model["largest_difference"] for model in measured["models"])
    goals.append(
        Goal(
            "scores of ONNX Runtime less LightGBM's, the largest",
            largest,
            f"at most {DIFFERENCE_GOAL:g}",
            largest <= DIFFERENCE_GOAL,
        )
    )
    return goals
