"""Taking in events in three ways: the function, HTTP, a bare COPY. Needs Django to be set up."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from django.db import connection
from psycopg import sql

from benchmarks.ingest_batches import (
    EVENTS_A_BATCH,
    INTERACTION_COLUMNS,
    VIEW_COLUMNS,
    Batch,
    made_up_batches,
    make_people_and_items,
)
from benchmarks.ingest_rounds import FunctionRound, HttpRound
from benchmarks.report import ROOT, progress
from catalog.models import Reader
from feedback.events import accept_events
from feedback.partitions import ensure_partitions
from recsite import clock
from recsite.models import ApiKey

BATCHES_A_TURN = 25
CONNECTIONS = 8


@dataclass(frozen=True)
class World:
    """Whom and what events are about, and the moment that all of them are near."""

    readers: list[Reader]
    item_ids: list[int]
    now: datetime


def make_world() -> World:
    now = clock.now()
    ensure_partitions(now=now)
    return World(*make_people_and_items(now), now)


def measure_function(world: World, seed: int, count: int) -> FunctionRound:
    batches = list(made_up_batches(seed, count, readers=world.readers, item_ids=world.item_ids, now=world.now))
    # A web worker does not hold a million made-up values, which the collector would go through again and again.
    gc.collect()
    gc.freeze()
    _empty_tables()
    seconds = {"function": 0.0, "copy": 0.0}
    with _bare_session() as session:
        for place, start in enumerate(range(0, count, BATCHES_A_TURN)):
            turn = batches[start : start + BATCHES_A_TURN]
            for way in ("function", "copy") if place % 2 else ("copy", "function"):
                begun = time.perf_counter()
                _accept(turn, world.now) if way == "function" else _copy(session, turn)
                seconds[way] += time.perf_counter() - begun
        _require_equal_rows(session)
    measured = FunctionRound(seed, count * EVENTS_A_BATCH, seconds["function"], seconds["copy"])
    progress(
        f"seed {seed}, {measured.events:,} events: function {seconds['function']:.1f} s, bare COPY "
        f"{seconds['copy']:.1f} s, ratio {measured.ratio:.2f}"
    )
    return measured


def _accept(batches: list[Batch], now: datetime) -> None:
    for batch in batches:
        accept_events(batch.events, sender=batch.sender(), now=now)


def _copy(session: psycopg.Connection, batches: list[Batch]) -> None:
    views = f"COPY bare_view ({', '.join(VIEW_COLUMNS)}) FROM STDIN"
    interactions = f"COPY bare_interaction ({', '.join(INTERACTION_COLUMNS)}) FROM STDIN"
    for batch in batches:
        with session.cursor() as cursor:
            for statement, lines in ((views, batch.views), (interactions, batch.interactions)):
                with cursor.copy(statement.encode()) as copy:
                    copy.write(lines)
        session.commit()


# LIKE leaves out foreign keys and partitions, and a twin without them would be another table.
_PARTITIONS = """
    SELECT format('CREATE TABLE bare_%s PARTITION OF bare_view %s', relname, pg_get_expr(relpartbound, oid))
    FROM pg_class WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'feedback_view'::regclass)
"""
_FOREIGN_KEYS = """
    ALTER TABLE bare_interaction
        ADD FOREIGN KEY (reader_id) REFERENCES catalog_reader DEFERRABLE INITIALLY DEFERRED,
        ADD FOREIGN KEY (item_id) REFERENCES catalog_item DEFERRABLE INITIALLY DEFERRED,
        ADD FOREIGN KEY (topic_id) REFERENCES catalog_topic DEFERRABLE INITIALLY DEFERRED,
        ADD FOREIGN KEY (author_id) REFERENCES catalog_author DEFERRABLE INITIALLY DEFERRED
"""


@contextmanager
def _bare_session() -> Iterator[psycopg.Connection]:
    """A connection of its own, with twins of both tables that are dropped in the end."""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as session:
        session.execute("CREATE TABLE bare_view (LIKE feedback_view INCLUDING ALL) PARTITION BY RANGE (slate_id)")
        for (statement,) in session.execute(_PARTITIONS).fetchall():
            session.execute(statement)
        session.execute("CREATE TABLE bare_interaction (LIKE feedback_interaction INCLUDING ALL)")
        session.execute(_FOREIGN_KEYS)
        session.commit()
        yield session
        session.rollback()
        session.execute("DROP TABLE bare_view, bare_interaction")


def _empty_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE feedback_view, feedback_interaction")
        cursor.execute("CHECKPOINT")


def _require_equal_rows(session: psycopg.Connection) -> None:
    for table in ("view", "interaction"):
        ours, bare = (
            session.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(f"{prefix}_{table}"))).fetchone()
            for prefix in ("feedback", "bare")
        )
        if ours != bare:
            raise RuntimeError(f"{table}: the function wrote {ours} rows and COPY {bare}: this means nothing.")


def make_key(world: World) -> str:
    return ApiKey.objects.make(name="benchmark", now=world.now)[1]


def post(folder: Path, port: int, key: str, world: World, *, seed: int, batches: int) -> HttpRound:
    _empty_tables()
    file = folder / "batches"
    with file.open("w") as lines:
        for batch in made_up_batches(seed, batches, readers=world.readers, item_ids=world.item_ids, now=world.now):
            lines.write(f"{batch.reader.external_id}\t{json.dumps({'events': batch.events})}\n")
    client = [sys.executable, "-m", "benchmarks.ingest_client", str(port), key, str(CONNECTIONS), str(file)]
    done = subprocess.run(client, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    taken = json.loads(done.stdout.splitlines()[-1])
    # Of a like that stands already the second is a duplicate: rare, and no less work.
    if taken["accepted"] < batches * EVENTS_A_BATCH * 0.98:
        raise RuntimeError(f"Only {taken['accepted']} of {batches * EVENTS_A_BATCH} events were accepted.")
    measured = HttpRound(seed, taken["accepted"], taken["seconds"], taken["median_ms"], taken["p99_ms"])
    progress(f"seed {seed}, {measured.events:,} events over HTTP: {measured.events_per_second:,.0f} a second")
    return measured
