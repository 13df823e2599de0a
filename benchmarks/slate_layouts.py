"""What recording a slate of 24 cards with 60 features costs: our row of arrays, beside a row a slot.

The other layout has a row for what the whole slate has in common and 24 rows with an item, its sources, scores and
features each. Both are written in one round trip without waiting for the disk, in turns.
"""

from __future__ import annotations

import json
import random
import statistics
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from django.db import connection

from benchmarks.ingest_rounds import LayoutCost
from feedback.models import Slate
from feedback.slates import Candidates, Named, Pool, ServedSlate, Slot, record_slate, slate_tokens
from feedback.surfaces import Surface
from feedback.uuid7 import make_uuid7

CARDS = 24
NUM_FEATURES = 60
POOL = 40
UNION = 400
SOURCES = ("co_visited", "followed", "fresh", "popular", "two_tower")

_OTHER_LAYOUT = """
    CREATE TABLE other_slate AS SELECT id, visit_id, reader_public_id, reader_bucket, served_at, known_until,
        counts_as_of, surface, first_position, columns, release, fallback, policy, policy_parameters, policy_version,
        seed, arm, experiments, excluded, removed, detail_share FROM feedback_slate WHERE false;
    ALTER TABLE other_slate ADD PRIMARY KEY (id);
    CREATE INDEX ON other_slate (reader_public_id, id);
    CREATE TABLE other_slot (
        slate_id uuid, position smallint, item_id bigint NOT NULL, source_names text[] NOT NULL,
        source_scores real[] NOT NULL, source_ranks integer[] NOT NULL, score real, greedy_item_id bigint NOT NULL,
        propensity float8, branch smallint NOT NULL, team smallint, features bytea, PRIMARY KEY (slate_id, position)
    );
"""
_INSERT_OTHER = """
    SET LOCAL synchronous_commit = off;
    INSERT INTO other_slate VALUES (
        %s::uuid, %s::uuid, %s::uuid, %s, %s::timestamptz, %s::timestamptz, NULL, 'home', 0, 3, 7, NULL,
        'epsilon_greedy', %s::jsonb, '3', %s, NULL, NULL, NULL, %s::jsonb, 1.0
    );
    INSERT INTO other_slot VALUES {rows}
"""
_SLOT = "(%s::uuid, %s, %s, %s::text[], %s::real[], %s::integer[], %s, %s, %s, %s, NULL, %s::bytea)"


def measure_layouts(*, seed: int, slates: int, item_ids: list[int], now: datetime) -> tuple[list[LayoutCost], float]:
    """The cost of arrays, arrays with the whole union, and a row a slot; and milliseconds for a slate's 24 tokens."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS other_slate, other_slot")
        cursor.execute(_OTHER_LAYOUT)
    ours = ("feedback_slate", "feedback_slatedetail")
    plain = _Layout("arrays", partial(record_slate, detail_share=0.0), ours)
    other = _Layout("a row a slot", _record_other, ("other_slate", "other_slot"))
    whole = _Layout("arrays, with union and pool", partial(record_slate, detail_share=1.0), ours)
    rng = random.Random(seed)
    made = [_slate(rng, item_ids, now) for _ in range(slates)]
    _record_in_turns(made, [plain, other])
    costs = [plain.cost(slates), other.cost(slates)]
    _record_in_turns([_slate(rng, item_ids, now) for _ in range(slates)], [whole])
    costs.append(whole.cost(slates))
    return costs, statistics.median(_ms(partial(slate_tokens, slate)) for slate in made)


class _Layout:
    """A way to record slates, and what it has taken so far."""

    def __init__(self, name: str, record: Callable[[ServedSlate], None], tables: tuple[str, ...]) -> None:
        self.name = name
        self.record = record
        self.tables = tables
        self.ms: list[float] = []
        self.bytes_before = 0

    def cost(self, slates: int) -> LayoutCost:
        taken = sorted(self.ms)
        grown = _size_of(self.tables) - self.bytes_before
        return LayoutCost(
            self.name,
            slates,
            round(statistics.median(taken), 3),
            round(taken[len(taken) * 95 // 100], 3),
            grown // slates,
        )


def _record_in_turns(slates: list[ServedSlate], layouts: list[_Layout]) -> None:
    for layout in layouts:
        layout.bytes_before = _size_of(layout.tables)
    for place, slate in enumerate(slates):
        for layout in layouts if place % 2 else reversed(layouts):
            layout.ms.append(_ms(partial(layout.record, slate)))


def _ms(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1000


def _size_of(tables: tuple[str, ...]) -> int:
    """Bytes of the tables and all their partitions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_total_relation_size(part.relid)) FROM unnest(%s::text[]) AS name,"
            " LATERAL pg_partition_tree(name::regclass) AS part",
            [list(tables)],
        )
        partitioned = cursor.fetchone()[0]
        cursor.execute(
            "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(%s::text[]) AS name", [list(tables)]
        )
        return int(partitioned or cursor.fetchone()[0])


def _slate(rng: random.Random, item_ids: list[int], now: datetime) -> ServedSlate:
    union = rng.sample(item_ids, UNION)
    scores = sorted((rng.random() for _ in union), reverse=True)
    features = np.random.default_rng(rng.getrandbits(32))
    slots = tuple(
        Slot(
            item_id=item_id,
            named_by=tuple(Named(name, rng.random(), rng.randrange(200)) for name in rng.sample(SOURCES, 2)),
            score=score,
            greedy_item_id=item_id,
            propensity=rng.random(),
            branch=Slate.Branch.GREEDY,
        )
        for item_id, score in zip(union[:CARDS], scores, strict=False)
    )
    pool = Pool(
        item_ids=tuple(union[:POOL]),
        scores=tuple(scores[:POOL]),
        cap_keys=tuple((rng.randrange(24), rng.randrange(5_000)) for _ in range(POOL)),
        features=features.random((POOL, NUM_FEATURES), dtype=np.float32).astype("<f4").tobytes(),
        outside_size=UNION - POOL,
        outside_rule="union without pool",
    )
    return ServedSlate(
        id=make_uuid7(now),
        visit_id=make_uuid7(now - timedelta(minutes=5)),
        reader_public_id=uuid.uuid4(),
        served_at=now,
        known_until=now - timedelta(seconds=30),
        surface=Surface.HOME,
        first_position=0,
        columns=3,
        release=7,
        policy="epsilon_greedy",
        policy_parameters={"epsilon": 0.1, "pool": POOL},
        policy_version="3",
        seed=rng.getrandbits(60),
        slots=slots,
        removed={"dismissed": 3, "consumed": 12},
        feature_set="ranker-12",
        features=features.random((CARDS, NUM_FEATURES), dtype=np.float32).astype("<f4").tobytes(),
        candidates=Candidates(
            item_ids=tuple(union),
            scores=tuple(scores),
            named_by=tuple(frozenset(rng.sample(SOURCES, 2)) for _ in union),
            removed=tuple((item_id, "consumed") for item_id in rng.sample(item_ids, 15)),
            pool=pool,
        ),
    )


def _record_other(slate: ServedSlate) -> None:
    width = len(slate.features or b"") // len(slate.slots)
    values: list[Any] = [
        *(slate.id, slate.visit_id, slate.reader_public_id, 7, slate.served_at, slate.known_until),
        *(json.dumps(dict(slate.policy_parameters)), slate.seed, json.dumps(dict(slate.removed))),
    ]
    for position, slot in enumerate(slate.slots):
        values += [
            *(slate.id, position, slot.item_id, [one.source for one in slot.named_by]),
            *([one.score for one in slot.named_by], [one.rank for one in slot.named_by]),
            *(slot.score, slot.greedy_item_id, slot.propensity, int(slot.branch)),
            (slate.features or b"")[position * width : (position + 1) * width],
        ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_OTHER.format(rows=", ".join([_SLOT] * len(slate.slots))), values)
