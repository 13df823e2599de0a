"""What one page of the feed costs: through the function and over HTTP, beside the bare calls that it cannot do without.

A made-up site of each size, with a release of the size that a nightly training makes and readers with a history, is
measured in a process of its own. A page has 24 cards, and is recorded with its features and every candidate. The bare
calls are those on input that lies ready: the query tower by ONNX Runtime, FAISS for as many items as one source is
asked for, the trees by ONNX Runtime for all candidates, and an INSERT of as many bytes as a page's record has. Function
and bare calls take turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.feed_results import FunctionMs, HttpMs, Memory, SizeMeasured
from benchmarks.report import ROOT, Goal, Report, at_most, progress

RATIO_GOAL, ABOVE_GOAL_MS = 2.0, 8.0
HTTP_P50_GOAL_MS, HTTP_P99_GOAL_MS = 40, 120
RESIDENT_GOAL_MIB, RESIDENT_AT = 300, 100_000

FULL_SIZES, SMALL_SIZES = (1_700, 100_000, 1_000_000), (1_700, 20_000)
FULL_PAGES, SMALL_PAGES = 500, 100
READERS = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    sizes = ", ".join(f"{size:,}" for size in FULL_SIZES)
    parser.add_argument("--sizes", type=int, nargs="+", help=f"items (default {sizes}; small: the first, and 20,000)")
    parser.add_argument("--pages", type=int, help=f"a way of asking (default {FULL_PAGES}, small {SMALL_PAGES})")
    parser.add_argument("--seed", type=int, default=1)


def run(arguments: argparse.Namespace) -> Report:
    sizes = arguments.sizes or (SMALL_SIZES if arguments.small else FULL_SIZES)
    pages = arguments.pages or (SMALL_PAGES if arguments.small else FULL_PAGES)
    return report(arguments.seed, [_measured(size, pages, arguments.seed) for size in sizes])


def report(seed: int, sizes: Sequence[SizeMeasured]) -> Report:
    goals = [goal for size in sizes for goal in _goals(size)]
    results = {
        "sizes": [
            asdict(size) | {"ratio": round(size.function.ratio, 3), "above_ms": round(size.function.above_ms, 3)}
            for size in sizes
        ]
    }
    header = (
        "items",
        "function p50",
        "p99",
        "bare p50",
        "ratio",
        "HTTP p50",
        "p99",
        "pages/s of 8",
        "MiB",
        "in a swap",
    )
    parts = list(sizes[0].function.parts_p50)
    table: list[Sequence[str]] = [(*header[:4], *parts, *header[4:]), *(_cells(size, parts) for size in sizes)]
    return Report("feed", [seed], results, goals, table)


def _goals(size: SizeMeasured) -> list[Goal]:
    function, one, at = size.function, size.one_at_a_time, f"{size.items:,} items"
    limit = max(RATIO_GOAL * function.bare_p50, function.bare_p50 + ABOVE_GOAL_MS)
    goals = [
        at_most(f"{at}: function p50 ms, twice the bare calls or 8 ms above", function.p50, round(limit, 2)),
        at_most(f"{at}: HTTP p50 ms", one.p50, HTTP_P50_GOAL_MS),
        at_most(f"{at}: HTTP p99 ms", one.p99, HTTP_P99_GOAL_MS),
    ]
    if size.items == RESIDENT_AT:
        goals.append(at_most(f"{at}: MiB resident in a web process", size.memory.resident, RESIDENT_GOAL_MIB))
    return goals


def _cells(size: SizeMeasured, parts: Sequence[str]) -> tuple[str, ...]:
    function, one, memory = size.function, size.one_at_a_time, size.memory
    return (
        f"{size.items:,}",
        *(f"{ms:.1f}" for ms in (function.p50, function.p99, function.bare_p50)),
        *(f"{function.parts_p50[part]:.2f}" for part in parts),
        f"{function.ratio:.2f}",
        *(f"{ms:.1f}" for ms in (one.p50, one.p99)),
        f"{size.eight_at_once.pages_per_second:.0f}",
        *(f"{mib:.0f}" for mib in (memory.resident, memory.peak)),
    )


def _measured(items: int, pages: int, seed: int) -> SizeMeasured:
    progress(f"{items:,} items: starting PostgreSQL and Redis")
    options = {"items": items, "readers": READERS, "pages": pages, "seed": seed}
    command = [sys.executable, "-m", "benchmarks.feed_measured"]
    command += [text for name, value in options.items() for text in (f"--{name}", str(value))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return measured(json.loads(done.stdout.splitlines()[-1]))


def measured(said: dict) -> SizeMeasured:
    """From what `feed_measured` prints."""
    return SizeMeasured(
        items=said["items"],
        dim=said["dim"],
        function=FunctionMs(**said["function"]),
        one_at_a_time=HttpMs(**said["one_at_a_time"]),
        eight_at_once=HttpMs(**said["eight_at_once"]),
        memory=Memory(**said["memory"]),
    )
