"""What the staff pages cost beside a log of five million impressions, and what it costs to count that log for them.

A made-up site with a release, and a log of thirty days up to this moment. The job that counts the log runs once in a
process of its own, over all days, and once more a moment later, as it does every minute. Then every address under
/staff/ is opened twenty times as staff do, through the whole site except the network.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faiss

from benchmarks.report import ROOT, Goal, Report, at_most, progress
from benchmarks.services import running_site

if TYPE_CHECKING:
    from benchmarks.staff_visits import Visited

PAGE_GOAL_MS = 300
OPENED, OPENED_SMALL = 20, 5
FULL_IMPRESSIONS, FULL_DAYS, FULL_ITEMS = 5_000_000, 30, 20_000
SMALL_IMPRESSIONS, SMALL_DAYS, SMALL_ITEMS = 200_000, 3, 2_000
READERS = 20
"""Who have a long past, beside those of the log."""


@dataclass(frozen=True)
class Counting:
    """The job over the whole log, and again at once. peak_rss_mb: of the first."""

    seconds: float
    again_seconds: float
    peak_rss_mb: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--impressions", type=int, help=f"of the log (default {FULL_IMPRESSIONS:,}, small 200,000)")
    parser.add_argument("--days", type=int, help=f"of the log (default {FULL_DAYS}, small {SMALL_DAYS})")
    parser.add_argument("--items", type=int, help=f"of the catalogue (default {FULL_ITEMS:,}, small {SMALL_ITEMS:,})")
    parser.add_argument("--times", type=int, help=f"that a page is opened (default {OPENED}, small {OPENED_SMALL})")
    parser.add_argument("--seed", type=int, default=1)


def run(arguments: argparse.Namespace) -> Report:
    small = arguments.small
    impressions = arguments.impressions or (SMALL_IMPRESSIONS if small else FULL_IMPRESSIONS)
    days = arguments.days or (SMALL_DAYS if small else FULL_DAYS)
    items = arguments.items or (SMALL_ITEMS if small else FULL_ITEMS)
    times = arguments.times or (OPENED_SMALL if small else OPENED)
    faiss.omp_set_num_threads(1)
    progress("starting PostgreSQL and Redis")
    with running_site() as folder:
        shown = _plant(folder, impressions, days, items, arguments.seed)
        progress(f"{shown:,} impressions: counting them")
        counting = _count()
        progress(f"counted in {counting.seconds:.1f} s, again in {counting.again_seconds:.1f} s")
        visited = _visit(times)
    return report(arguments.seed, shown, counting, visited)


def report(seed: int, impressions: int, counting: Counting, visited: Sequence[Visited]) -> Report:
    results: dict[str, Any] = {
        "impressions": impressions,
        "counting": asdict(counting),
        "pages": [asdict(page) for page in visited],
    }
    table: list[Sequence[str]] = [("page", "p50 ms", "slowest ms", "queries", "log rows scanned", "status")]
    for page in visited:
        times = (f"{page.p50_ms:.0f}", f"{page.slowest_ms:.0f}")
        table.append((page.page, *times, str(page.queries), f"{page.rows_scanned:,}", str(page.status)))
    counted = f"the log counted in {counting.seconds:.0f} s, {counting.peak_rss_mb:.0f} MiB"
    table.append((f"({counted}; again in {counting.again_seconds:.1f} s)", "", "", "", "", ""))
    return Report("staff_pages", [seed], results, _goals(visited), table)


def _goals(visited: Sequence[Visited]) -> list[Goal]:
    slow = [at_most(f"{page.page}: p50 ms", page.p50_ms, PAGE_GOAL_MS) for page in visited]
    return [
        *slow,
        at_most("rows of the log read by sequential scans", sum(page.rows_scanned for page in visited), 0),
        at_most("queries whose plan scans the log", sum(len(page.scanning) for page in visited), 0),
        at_most("pages that did not answer", sum(page.status != 200 for page in visited), 0),
    ]


def _plant(folder: Path, impressions: int, days: int, items: int, seed: int) -> int:
    # They import models, which must wait until Django is set up.
    log, world = import_module("benchmarks.staff_log"), import_module("benchmarks.site_world")
    towers = import_module("recsite.training.configs").retriever_config("small").towers
    site = world.make_site(items, READERS, folder, towers=towers, seed=seed)
    planted = log.Log(impressions, days, items, site.live.pk, site.now, seed)
    progress(f"{planted.shown:,} impressions of {days} days: writing them")
    begun = time.perf_counter()
    log.plant(planted)
    log.plant_jobs(site.live, now=site.now)
    progress(f"written in {time.perf_counter() - begun:.0f} s")
    return int(planted.shown)


def _count() -> Counting:
    command = [sys.executable, "-m", "benchmarks.measured_count"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Counting(**json.loads(done.stdout.splitlines()[-1]))


def _visit(times: int) -> list[Visited]:
    visits, live = import_module("benchmarks.staff_visits"), import_module("recsite.releases.live")
    live.shelf().refresh(now=import_module("recsite.clock").now())
    client = visits.staff_client()
    logging.disable(logging.WARNING)  # a line a request would hide what is printed
    visited = []
    for page, address in visits.addresses():
        found = visits.visit(client, page, address, times)
        if found is not None:
            visited.append(found)
            progress(f"{page}: {found.p50_ms:.0f} ms, {found.queries} queries")
            for query in found.scanning:
                progress(f"  scans the log: {query}")
    return visited
