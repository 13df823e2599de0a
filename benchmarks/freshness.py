"""How soon a site serves with what has changed: another release, a release brought back, a new item.

A made-up site of each size runs in a process of its own beside the real web processes and a Celery worker. Releases are
promoted and rolled back while two readers ask for pages without a pause; the time is until the last web process serves
with it. The pages under way in these moments are held against those of a time in which nothing changes. An item is
published as staff do it, and counts as retrievable when the index of every process has it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks.freshness_results import Pages, SizeMeasured, Waits
from benchmarks.report import ROOT, Goal, Report, at_most, progress

PROMOTED_GOAL_S, ROLLED_BACK_GOAL_S, PUBLISHED_GOAL_S, P99_GOAL = 3, 5, 5, 2
JUDGED_UP_TO = 100_000
"""Items; larger sizes are printed."""

FULL_SIZES, SMALL_SIZES = (100_000, 1_000_000), (2_000,)
FULL_PAGES, SMALL_PAGES = 1_000, 200
FULL_ROUNDS, SMALL_ROUNDS = 5, 3
READERS = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    sizes = ", ".join(f"{size:,}" for size in FULL_SIZES)
    parser.add_argument("--sizes", type=int, nargs="+", help=f"items (default {sizes}; small: {SMALL_SIZES[0]:,})")
    parser.add_argument(
        "--pages", type=int, help=f"while nothing changes (default {FULL_PAGES:,}, small {SMALL_PAGES})"
    )
    parser.add_argument("--rounds", type=int, help=f"of each change (default {FULL_ROUNDS}, small {SMALL_ROUNDS})")
    parser.add_argument("--seed", type=int, default=1)


def run(arguments: argparse.Namespace) -> Report:
    sizes = arguments.sizes or (SMALL_SIZES if arguments.small else FULL_SIZES)
    pages = arguments.pages or (SMALL_PAGES if arguments.small else FULL_PAGES)
    rounds = arguments.rounds or (SMALL_ROUNDS if arguments.small else FULL_ROUNDS)
    return report(arguments.seed, [_measured(size, pages, rounds, arguments.seed) for size in sizes])


def report(seed: int, sizes: Sequence[SizeMeasured]) -> Report:
    goals = [goal for size in sizes if size.items <= JUDGED_UP_TO for goal in _goals(size)]
    results = {"sizes": [asdict(size) | {"p99_ratio": round(size.p99_ratio, 3)} for size in sizes]}
    header = ("items", "promoted s", "rolled back s", "published s", "usual p99 ms", "swapping p99 ms", "ratio")
    table: list[Sequence[str]] = [header, *(_cells(size) for size in sizes)]
    return Report("freshness", [seed], results, goals, table)


def _goals(size: SizeMeasured) -> list[Goal]:
    at = f"{size.items:,} items"
    return [
        at_most(f"{at}: promoted, until every process serves with it, s", size.promoted.longest, PROMOTED_GOAL_S),
        at_most(f"{at}: rolled back, s", size.rolled_back.longest, ROLLED_BACK_GOAL_S),
        at_most(f"{at}: item published, until every process can find it, s", size.published.longest, PUBLISHED_GOAL_S),
        at_most(f"{at}: p99 of pages while swapping over the usual", size.p99_ratio, P99_GOAL),
    ]


def _cells(size: SizeMeasured) -> tuple[str, ...]:
    waits = (size.promoted, size.rolled_back, size.published)
    return (
        f"{size.items:,}",
        *(f"{wait.median:.2f} to {wait.longest:.2f}" for wait in waits),
        f"{size.usual.p99:.0f}",
        f"{size.swapping.p99:.0f}",
        f"{size.p99_ratio:.2f}",
    )


def _measured(items: int, pages: int, rounds: int, seed: int) -> SizeMeasured:
    progress(f"{items:,} items: starting PostgreSQL and Redis")
    options = {"items": items, "readers": READERS, "pages": pages, "rounds": rounds, "seed": seed}
    command = [sys.executable, "-m", "benchmarks.freshness_measured"]
    command += [text for name, value in options.items() for text in (f"--{name}", str(value))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return measured(json.loads(done.stdout.splitlines()[-1]))


def measured(said: dict) -> SizeMeasured:
    """From what `freshness_measured` prints."""
    return SizeMeasured(
        items=said["items"],
        promoted=Waits(**said["promoted"]),
        rolled_back=Waits(**said["rolled_back"]),
        published=Waits(**said["published"]),
        usual=Pages(**said["usual"]),
        swapping=Pages(**said["swapping"]),
    )
