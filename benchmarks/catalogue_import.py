"""How fast `import_catalog` is beside a bare COPY of the same rows, and how much memory it takes.

The bare COPY streams prepared text into a table made with `LIKE catalog_item INCLUDING ALL`: the same generated
columns, indexes and constraints, but no JSON to read, no checks, no topics, no authors and no look for what is there
already. Both take turns in who goes first. Rows have about 50 words, one to three topics and one of 5,000 authors.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from django.db import connection
from psycopg import sql

from benchmarks.catalogue_rows import COPY_COLUMNS, write_rows
from benchmarks.report import ROOT, Goal, Report, at_least, at_most, progress
from benchmarks.services import running_site

RATIO_GOAL = 0.4
MEMORY_GROWTH_GOAL = 1.3
COPY_CHUNK_BYTES = 1 << 18

FULL_ROWS, FULL_ROUND_ROWS, FULL_SEEDS = 1_000_000, 100_000, (1, 2, 3)
SMALL_ROWS, SMALL_ROUND_ROWS, SMALL_SEEDS = 60_000, 30_000, (1, 2)


@dataclass(frozen=True)
class Measured:
    """The same rows both ways. `ratio`: the import's throughput over the bare COPY's, so 1 is as fast."""

    seed: int
    rows: int
    first: str
    import_seconds: float
    copy_seconds: float
    peak_rss_mb: float

    @property
    def ratio(self) -> float:
        return self.copy_seconds / self.import_seconds

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.import_seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, help=f"rows of the large run (default {FULL_ROWS:,}, small {SMALL_ROWS:,})")
    parser.add_argument(
        "--round-rows", type=int, help=f"rows of each round (default {FULL_ROUND_ROWS:,}, small {SMALL_ROUND_ROWS:,})"
    )
    parser.add_argument("--seeds", type=int, nargs="+", help="one round for each (default 1 2 3, small 1 2)")


def run(arguments: argparse.Namespace) -> Report:
    rows = arguments.rows or (SMALL_ROWS if arguments.small else FULL_ROWS)
    round_rows = arguments.round_rows or (SMALL_ROUND_ROWS if arguments.small else FULL_ROUND_ROWS)
    seeds = list(arguments.seeds or (SMALL_SEEDS if arguments.small else FULL_SEEDS))
    progress("starting PostgreSQL and Redis")
    with running_site() as folder:
        tenth = _measure(folder, seeds[0], max(1, rows // 10), import_first=True)
        again_seconds, _ = _import(folder / "rows.jsonl")
        rounds = [_measure(folder, seed, round_rows, import_first=place % 2 == 0) for place, seed in enumerate(seeds)]
        large = _measure(folder, seeds[0], rows, import_first=len(rounds) % 2 == 0)
    return _report(seeds, tenth, rounds, large, again_seconds)


def _measure(folder: Path, seed: int, rows: int, *, import_first: bool) -> Measured:
    progress(f"{rows:,} rows of seed {seed}: writing the files")
    jsonl, bare = folder / "rows.jsonl", folder / "rows.copy"
    write_rows(seed, rows, jsonl, bare)
    _empty_tables()
    copy_seconds = 0.0 if import_first else _bare_copy(bare, rows)
    import_seconds, peak_rss_mb = _import(jsonl)
    _require_rows("catalog_item", rows)
    copy_seconds = copy_seconds or _bare_copy(bare, rows)
    measured = Measured(seed, rows, "import" if import_first else "COPY", import_seconds, copy_seconds, peak_rss_mb)
    progress(
        f"{rows:,} rows of seed {seed}: import {import_seconds:.1f} s, bare COPY {copy_seconds:.1f} s, "
        f"ratio {measured.ratio:.2f}, peak {peak_rss_mb:.0f} MiB"
    )
    return measured


def _empty_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE catalog_item, catalog_topic, catalog_author RESTART IDENTITY CASCADE")
        cursor.execute("CHECKPOINT")


def _import(jsonl: Path) -> tuple[float, float]:
    """Seconds and peak MiB of one import, in its own process."""
    command = [sys.executable, "-m", "benchmarks.measured_import", str(jsonl)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    taken = json.loads(done.stdout.splitlines()[-1])
    return taken["seconds"], taken["peak_rss_mb"]


def _bare_copy(bare: Path, rows: int) -> float:
    """Seconds of one COPY into a fresh twin of the items' table, which is dropped again."""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as session:
        session.execute("CREATE TABLE bare_item (LIKE catalog_item INCLUDING ALL)")
        session.commit()
        session.autocommit = True
        session.execute("CHECKPOINT")
        session.autocommit = False
        begun = time.perf_counter()
        _copy_file(session, bare)
        session.commit()
        seconds = time.perf_counter() - begun
        _require_rows("bare_item", rows)
        session.execute("DROP TABLE bare_item")
    return seconds


def _copy_file(session: psycopg.Connection, bare: Path) -> None:
    with (
        bare.open("rb") as file,
        session.cursor() as cursor,
        cursor.copy(f"COPY bare_item ({', '.join(COPY_COLUMNS)}) FROM STDIN") as copy,
    ):
        while chunk := file.read(COPY_CHUNK_BYTES):
            copy.write(chunk)


def _require_rows(table: str, rows: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
        (found,) = cursor.fetchone()
    if found != rows:
        raise RuntimeError(f"{table} has {found:,} rows instead of {rows:,}: this measurement means nothing.")


def _report(seeds: list[int], tenth: Measured, rounds: list[Measured], large: Measured, again_seconds: float) -> Report:
    median_ratio = statistics.median(one.ratio for one in rounds)
    growth = large.peak_rss_mb / tenth.peak_rss_mb
    goals: list[Goal] = [
        at_least(f"throughput over bare COPY, {large.rows:,} rows", large.ratio, RATIO_GOAL),
        at_least(f"the same, median of {len(rounds)} rounds of {rounds[0].rows:,}", median_ratio, RATIO_GOAL),
        at_most(f"peak memory, {large.rows:,} rows over {tenth.rows:,}", growth, MEMORY_GROWTH_GOAL),
    ]
    results = {
        "rows": large.rows,
        "rows_per_second": round(large.rows_per_second),
        "peak_rss_mb": round(large.peak_rss_mb, 1),
        "peak_rss_mb_of_a_tenth": round(tenth.peak_rss_mb, 1),
        "ratio_to_bare_copy": round(large.ratio, 4),
        "median_ratio_of_rounds": round(median_ratio, 4),
        "rows_per_second_when_nothing_changed": round(tenth.rows / again_seconds),
        "runs": [asdict(one) | {"ratio": round(one.ratio, 4)} for one in (tenth, *rounds, large)],
    }
    header = ("rows", "seed", "first", "import s", "COPY s", "rows/s", "ratio", "peak MiB")
    table: list[Sequence[str]] = [header, *(_cells(one) for one in (tenth, *rounds, large))]
    return Report("catalogue_import", seeds, results, goals, table)


def _cells(one: Measured) -> tuple[str, ...]:
    return (
        f"{one.rows:,}",
        str(one.seed),
        one.first,
        f"{one.import_seconds:.1f}",
        f"{one.copy_seconds:.1f}",
        f"{one.rows_per_second:,.0f}",
        f"{one.ratio:.2f}",
        f"{one.peak_rss_mb:.0f}",
    )
