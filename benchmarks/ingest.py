"""How fast events are taken in, beside a bare COPY of the same rows, and what recording a slate costs.

Events come in batches of 20 from one reader each: 17 views, a click, its reading time, one opinion. The function checks
tokens, times and values and writes with `synchronous_commit=on`; over HTTP two gunicorn workers of the real app do so
for eight connections. The bare COPY writes prepared lines of the same rows, a commit a batch, into tables made with
`LIKE ... INCLUDING ALL` and the same foreign keys. Function and COPY take turns every 25 batches, so both meet the same
machine.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module

from benchmarks.ingest_rounds import FunctionRound, HttpRound, LayoutCost
from benchmarks.measured_import import peak_rss_mb
from benchmarks.report import Goal, Report, at_least, at_most, progress
from benchmarks.services import running_site
from benchmarks.site_web import web

RATIO_GOAL = 0.5
HTTP_GOAL = 2_000
SLATE_MS_GOAL = 2.0

FULL_BATCHES, FULL_HTTP_BATCHES, FULL_SLATES, FULL_SEEDS = 2_000, 2_000, 2_000, (1, 2, 3)
SMALL_BATCHES, SMALL_HTTP_BATCHES, SMALL_SLATES, SMALL_SEEDS = 300, 300, 200, (1, 2)
WARM_UP_BATCHES = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batches", type=int, help=f"a round (default {FULL_BATCHES:,}, small {SMALL_BATCHES:,})")
    parser.add_argument(
        "--http-batches", type=int, help=f"a round (default {FULL_HTTP_BATCHES:,}, small {SMALL_HTTP_BATCHES:,})"
    )
    parser.add_argument("--slates", type=int, help=f"a layout (default {FULL_SLATES:,}, small {SMALL_SLATES:,})")
    parser.add_argument("--seeds", type=int, nargs="+", help="one round for each (default 1 2 3, small 1 2)")


def run(arguments: argparse.Namespace) -> Report:
    small = arguments.small
    batches = arguments.batches or (SMALL_BATCHES if small else FULL_BATCHES)
    http_batches = arguments.http_batches or (SMALL_HTTP_BATCHES if small else FULL_HTTP_BATCHES)
    slates = arguments.slates or (SMALL_SLATES if small else FULL_SLATES)
    seeds = list(arguments.seeds or (SMALL_SEEDS if small else FULL_SEEDS))
    progress("starting PostgreSQL and Redis")
    with running_site() as folder:
        # They import models, which must wait until Django is set up.
        events, layouts = import_module("benchmarks.ingest_measuring"), import_module("benchmarks.slate_layouts")
        world = events.make_world()
        by_function = [events.measure_function(world, seed, batches) for seed in seeds]
        with web(folder) as running:
            key, port = events.make_key(world), running.port
            events.post(folder, port, key, world, seed=0, batches=WARM_UP_BATCHES)
            by_http = [events.post(folder, port, key, world, seed=seed, batches=http_batches) for seed in seeds]
        costs, tokens_ms = layouts.measure_layouts(seed=seeds[0], slates=slates, item_ids=world.item_ids, now=world.now)
    return _report(seeds, by_function, by_http, costs, tokens_ms)


def _report(
    seeds: list[int],
    by_function: list[FunctionRound],
    by_http: list[HttpRound],
    layouts: list[LayoutCost],
    tokens_ms: float,
) -> Report:
    ratio = statistics.median(one.ratio for one in by_function)
    http = statistics.median(one.events_per_second for one in by_http)
    goals: list[Goal] = [
        at_least(f"function over bare COPY, median of {len(seeds)} rounds", ratio, RATIO_GOAL),
        at_least(f"accepted events a second over HTTP, median of {len(seeds)} rounds", http, HTTP_GOAL),
        at_most("recording a slate of 24 cards with 60 features, ms", layouts[0].median_ms, SLATE_MS_GOAL),
    ]
    results = {
        "function_events_per_second": round(
            statistics.median(one.events / one.function_seconds for one in by_function)
        ),
        "bare_copy_events_per_second": round(statistics.median(one.events / one.copy_seconds for one in by_function)),
        "ratio_to_bare_copy": round(ratio, 4),
        "http_events_per_second": round(http),
        "slate_tokens_ms": round(tokens_ms, 3),
        "slate_layouts": [asdict(cost) for cost in layouts],
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "function_rounds": [asdict(one) | {"ratio": round(one.ratio, 4)} for one in by_function],
        "http_rounds": [asdict(one) for one in by_http],
    }
    header = ("what", "seed", "events/s", "COPY events/s", "ratio", "median ms", "p99 or p95 ms", "bytes")
    table: list[Sequence[str]] = [
        header,
        *(_function_cells(one) for one in by_function),
        *(_http_cells(one) for one in by_http),
        *(_slate_cells(cost) for cost in layouts),
    ]
    return Report("ingest", seeds, results, goals, table)


def _function_cells(one: FunctionRound) -> tuple[str, ...]:
    function, copy = one.events / one.function_seconds, one.events / one.copy_seconds
    return ("function", str(one.seed), f"{function:,.0f}", f"{copy:,.0f}", f"{one.ratio:.2f}", "", "", "")


def _http_cells(one: HttpRound) -> tuple[str, ...]:
    times = f"{one.median_ms:.1f}", f"{one.p99_ms:.1f}"
    return ("HTTP", str(one.seed), f"{one.events_per_second:,.0f}", "", "", *times, "")


def _slate_cells(cost: LayoutCost) -> tuple[str, ...]:
    return (f"slate: {cost.layout}", "", "", "", "", f"{cost.median_ms:.2f}", f"{cost.p95_ms:.2f}", f"{cost.bytes:,}")
