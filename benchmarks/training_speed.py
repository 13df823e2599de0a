"""How much our training costs beside torch itself, and that its memory does not grow with the log."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from statistics import median

from benchmarks.measured_training import CONFIG, SEED
from benchmarks.report import ROOT, Report, at_least, at_most, progress

SPEED_GOAL = 0.7
MEMORY_GROWTH_GOAL = 1.5
FULL_SIZES, SMALL_SIZES = (1_000_000, 10_000_000), (100_000, 300_000)
NUM_ITEMS = 100_000
FULL_STEPS, SMALL_STEPS = 200, 50
STEPS_FOR_MEMORY = 30


@dataclass(frozen=True)
class Training:
    """Some steps in a process of their own. Seconds by round; bare_s is empty where nothing was compared."""

    rows: int
    seconds: float
    examples_a_round: int
    ours_s: list[float]
    bare_s: list[float]
    peak_rss_mb: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sizes",
        type=int,
        nargs=2,
        metavar="ROWS",
        help="positives of the smaller and the larger log (default 1 and 10 million, small 100,000 and 300,000)",
    )
    parser.add_argument("--items", type=int, default=NUM_ITEMS, help=f"items of the catalogue (default {NUM_ITEMS:,})")
    parser.add_argument("--steps", type=int, help=f"steps to time (default {FULL_STEPS}, small {SMALL_STEPS})")


def run(arguments: argparse.Namespace) -> Report:
    smaller, larger = arguments.sizes or (SMALL_SIZES if arguments.small else FULL_SIZES)
    steps = arguments.steps or (SMALL_STEPS if arguments.small else FULL_STEPS)
    compared = _training(smaller, arguments.items, steps, compared=True)
    one = _training(smaller, arguments.items, STEPS_FOR_MEMORY, compared=False)
    ten = _training(larger, arguments.items, STEPS_FOR_MEMORY, compared=False)
    return _report(compared, one, ten, arguments.items)


def _training(rows: int, num_items: int, steps: int, *, compared: bool) -> Training:
    progress(f"{rows:,} positives of {num_items:,} items: {steps} steps")
    values = [str(value) for value in (rows, num_items, steps, int(compared))]
    command = [sys.executable, "-m", "benchmarks.measured_training", *values]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Training(**json.loads(done.stdout.splitlines()[-1]))


def _report(compared: Training, one: Training, ten: Training, num_items: int) -> Report:
    ratio = median(bare / ours for ours, bare in zip(compared.ours_s, compared.bare_s, strict=True))
    growth = ten.peak_rss_mb / one.peak_rss_mb
    speeds = {
        "ours": compared.examples_a_round / median(compared.ours_s),
        "bare torch": compared.examples_a_round / median(compared.bare_s),
    }
    results = {
        "items": num_items,
        "batch_size": CONFIG.training.batch_size,
        "uniform_negatives": CONFIG.training.uniform_negatives,
        "rounds": len(compared.ours_s),
        "examples_per_second": round(speeds["ours"]),
        "bare_examples_per_second": round(speeds["bare torch"]),
        "ratio_to_bare_torch": round(ratio, 4),
        "peak_rss_mb": {f"{run.rows}": round(run.peak_rss_mb, 1) for run in (one, ten)},
        "seconds_to_prepare_and_step": {f"{run.rows}": round(run.seconds, 1) for run in (one, ten)},
    }
    goals = [
        at_least("examples per second, ours over bare torch, median of rounds", ratio, SPEED_GOAL),
        at_most(f"peak memory, {ten.rows:,} positives over {one.rows:,}", growth, MEMORY_GROWTH_GOAL),
    ]
    table = [
        ("", "examples/s", "peak MiB"),
        *((name, f"{speed:,.0f}", "") for name, speed in speeds.items()),
        *((f"{run.rows:,} positives", "", f"{run.peak_rss_mb:.0f}") for run in (one, ten)),
    ]
    return Report("training_speed", [SEED], results, goals, list(table))
