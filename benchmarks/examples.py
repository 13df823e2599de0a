"""How fast the log becomes labelled visits, and that the memory for it does not grow with the log.

Both logs have the same days, so the larger one is ten times as dense: its days are cut into ranges of reader buckets.
Each stream runs in a fresh process. The bare COPY beside it sends the same columns of the same rows out of PostgreSQL
once, and throws them away: nothing is joined, unnested or judged.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import psycopg
from django.db import connection
from psycopg import sql

from benchmarks.impressions import FIRST_DAY, Log, fill
from benchmarks.report import ROOT, Report, at_most, progress
from benchmarks.services import running_site

MEMORY_GROWTH_GOAL = 1.3
FEATURE_SHARE = 0.25
SEED = 1

FULL_SIZES, FULL_DAYS = (1_000_000, 10_000_000), 8
SMALL_SIZES, SMALL_DAYS = (100_000, 500_000), 1

_BARE = {
    "feedback_slate": "id, visit_id, reader_public_id, reader_bucket, served_at, known_until, counts_as_of, surface, "
    "first_position, columns, release, policy, items, scores, propensities, branches",
    "feedback_slatedetail": "slate_id, feature_set, features",
    "feedback_view": "slate_id, position, viewed_at, received_at",
    "feedback_interaction": "visit_id, item_id, kind, happened_at, received_at, undo_received_at, dwell_ms, excluded",
}
"""What labelled visits are made from: columns by table."""

_COPY = sql.SQL("COPY (SELECT {names} FROM {table}) TO STDOUT (FORMAT binary)")


@dataclass(frozen=True)
class Stream:
    """What one stream of examples took, in its own process."""

    rows: int
    seconds: float
    peak_rss_mb: float


@dataclass(frozen=True)
class Measured:
    """One log. ratio: throughput of labelled visits over that of the bare COPY, so 1 is as fast."""

    impressions: int
    days: int
    fill_seconds: float
    copy_seconds: float
    visits: Stream
    positives: Stream

    @property
    def impressions_per_second(self) -> float:
        return self.impressions / self.visits.seconds

    @property
    def ratio(self) -> float:
        return self.copy_seconds / self.visits.seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sizes",
        type=int,
        nargs=2,
        metavar="IMPRESSIONS",
        help="impressions of the smaller and the larger log (default 1 and 10 million, small 100,000 and 500,000)",
    )
    parser.add_argument("--days", type=int, help=f"days of both logs (default {FULL_DAYS}, small {SMALL_DAYS})")


def run(arguments: argparse.Namespace) -> Report:
    sizes = arguments.sizes or (SMALL_SIZES if arguments.small else FULL_SIZES)
    days = arguments.days or (SMALL_DAYS if arguments.small else FULL_DAYS)
    progress("starting PostgreSQL and Redis")
    with running_site():
        measured = [_measure(Log(size, days, FEATURE_SHARE, SEED)) for size in sizes]
    return _report(*measured)


def _measure(log: Log) -> Measured:
    progress(f"{log.impressions:,} impressions in {log.days} days: filling the log")
    begun = time.perf_counter()
    fill(log)
    fill_seconds = time.perf_counter() - begun
    copies = [_bare_copy()]
    visits, positives = _stream("visits", log), _stream("positives", log)
    copies.append(_bare_copy())
    measured = Measured(log.shown, log.days, fill_seconds, min(copies), visits, positives)
    progress(
        f"{log.impressions:,} impressions: {measured.visits.rows:,} rows in {measured.visits.seconds:.1f} s, "
        f"bare COPY {measured.copy_seconds:.1f} s, peak {measured.visits.peak_rss_mb:.0f} MiB"
    )
    return measured


def _stream(name: str, log: Log) -> Stream:
    bounds = [moment.isoformat() for moment in (FIRST_DAY, log.until)]
    command = [sys.executable, "-m", "benchmarks.measured_examples", name, *bounds]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Stream(**json.loads(done.stdout.splitlines()[-1]))


def _bare_copy() -> float:
    """Seconds to send every source row once, to nobody."""
    begun = time.perf_counter()
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as session:
        for table, columns in _BARE.items():
            names = sql.SQL(", ").join(map(sql.Identifier, columns.split(", ")))
            with session.cursor().copy(_COPY.format(names=names, table=sql.Identifier(table))) as copy:
                for _ in copy:
                    pass
    return time.perf_counter() - begun


def _report(small: Measured, large: Measured) -> Report:
    growth = large.visits.peak_rss_mb / small.visits.peak_rss_mb
    goals = [
        at_most(
            f"peak memory, {large.impressions:,} impressions over {small.impressions:,}", growth, MEMORY_GROWTH_GOAL
        )
    ]
    results = {
        "impressions": large.impressions,
        "impressions_per_second": round(large.impressions_per_second),
        "rows_per_second": round(large.visits.rows / large.visits.seconds),
        "peak_rss_mb": round(large.visits.peak_rss_mb, 1),
        "peak_rss_mb_of_the_smaller": round(small.visits.peak_rss_mb, 1),
        "ratio_to_bare_copy": round(large.ratio, 4),
        "positives_per_second": round(large.positives.rows / large.positives.seconds),
        "runs": [asdict(one) | {"ratio": round(one.ratio, 4)} for one in (small, large)],
    }
    header = (
        "impressions",
        "days",
        "rows",
        "s",
        "impressions/s",
        "COPY s",
        "ratio",
        "peak MiB",
        "positives",
        "s",
        "MiB",
    )
    table: list[Sequence[str]] = [header, _cells(small), _cells(large)]
    return Report("examples", [SEED], results, goals, table)


def _cells(one: Measured) -> tuple[str, ...]:
    return (
        f"{one.impressions:,}",
        str(one.days),
        f"{one.visits.rows:,}",
        f"{one.visits.seconds:.1f}",
        f"{one.impressions_per_second:,.0f}",
        f"{one.copy_seconds:.1f}",
        f"{one.ratio:.2f}",
        f"{one.visits.peak_rss_mb:.0f}",
        f"{one.positives.rows:,}",
        f"{one.positives.seconds:.1f}",
        f"{one.positives.peak_rss_mb:.0f}",
    )
