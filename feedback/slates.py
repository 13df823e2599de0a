"""Recording a slate: everything about it in one row, in one round trip.

One row of arrays a slate, not a row a slot: `python -m benchmarks ingest` measures both.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

from psycopg import sql

from feedback.array_text import array_text, real_array_text
from feedback.buckets import reader_bucket
from feedback.prepared import prepared_cursor
from feedback.surfaces import Surface
from feedback.tokens import Token, reader_tag, write_tokens


@dataclass(frozen=True)
class Named:
    """A source named a candidate, with its own score (None: it has none) at its own rank, from 0."""

    source: str
    score: float | None
    rank: int


@dataclass(frozen=True)
class Slot:
    """What stood at one position.

    score: the final one. greedy_item_id: what a policy without exploration would have shown here.
    propensity: probability of this item here, given the slots above; None where it was pinned or a fallback.
    branch: one of `Slate.Branch`. team: which of two interleaved rankings it counts for.
    """

    item_id: int
    named_by: tuple[Named, ...]
    score: float | None
    greedy_item_id: int
    propensity: float | None
    branch: int
    team: int | None = None


@dataclass(frozen=True)
class Pool:
    """What exploration drew from, so that its probabilities can be computed again.

    cap_keys: a tuple of keys an item (its topic, its author), of which a slate holds only so many.
    features: (items, columns of the feature set) little-endian float32. outside_*: the set of the outside draw.
    """

    item_ids: tuple[int, ...]
    scores: tuple[float | None, ...]
    cap_keys: tuple[tuple[int | None, ...], ...]
    features: bytes | None = None
    outside_size: int = 0
    outside_rule: str = ""


@dataclass(frozen=True)
class Candidates:
    """Every candidate, in scored order, and those that filters removed, as (item id, reason)."""

    item_ids: tuple[int, ...]
    scores: tuple[float | None, ...]
    named_by: tuple[frozenset[str], ...]
    removed: tuple[tuple[int, str], ...] = ()
    pool: Pool | None = None


@dataclass(frozen=True, kw_only=True)
class ServedSlate:
    """One slate as it is sent. `id` is a UUID of version 7 that holds `served_at`; positions begin at
    `first_position`.

    features: (slots, columns of `feature_set`) little-endian float32, row by row, exactly as the ranker used them.
    """

    id: uuid.UUID
    visit_id: uuid.UUID
    reader_public_id: uuid.UUID
    served_at: datetime
    known_until: datetime
    surface: Surface
    first_position: int
    policy: str
    policy_version: str
    slots: tuple[Slot, ...]
    policy_parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    counts_as_of: datetime | None = None
    columns: int | None = None
    release: int | None = None
    fallback: str | None = None
    arm: str | None = None
    experiments: Mapping[str, str] | None = None
    excluded: str | None = None
    removed: Mapping[str, int] = field(default_factory=dict)
    feature_set: str | None = None
    features: bytes | None = None
    candidates: Candidates | None = None

    def __post_init__(self) -> None:
        if self.known_until > self.served_at:
            raise ValueError(f"known_until is {self.known_until}, later than serving at {self.served_at}.")
        if (self.features is None) != (self.feature_set is None):
            raise ValueError("features and feature_set go together.")
        if self.features is not None and len(self.features) % (4 * max(1, len(self.slots))):
            raise ValueError(
                f"features are {len(self.features)} bytes, no whole float32 rows of {len(self.slots)} slots."
            )


def slate_tokens(slate: ServedSlate) -> list[str]:
    """One signed token a slot."""
    bucket, tag = reader_bucket(slate.reader_public_id), reader_tag(slate.reader_public_id)
    return write_tokens(
        Token(slate.id, slate.visit_id, slate.first_position + index, slot.item_id, slate.surface, bucket, tag)
        for index, slot in enumerate(slate.slots)
    )


def record_slate(slate: ServedSlate, *, detail_share: float) -> None:
    """Write the slate; for a `detail_share` of slates, chosen by hash, every candidate as well.

    One round trip that does not wait for the disk: a crash of the database may lose the last moments of what was
    shown, never what somebody did. Raises DatabaseError.
    """
    keeps_candidates = slate.candidates is not None and _is_chosen(slate.id, detail_share)
    sources = _source_names(slate)
    statement, values = _INSERT_SLATE, _slate_values(slate, sources, detail_share)
    if keeps_candidates or slate.features is not None:
        statement = _INSERT_BOTH
        values = _detail_values(slate, sources, slate.candidates if keeps_candidates else None) + values
    with prepared_cursor() as cursor:
        cursor.execute(statement, values)


def _is_chosen(slate_id: uuid.UUID, share: float) -> bool:
    drawn = int.from_bytes(hashlib.blake2b(slate_id.bytes, digest_size=4).digest())
    return drawn < share * 2**32


_SLATE_COLUMNS: dict[str, LiteralString] = {
    "id": "uuid",
    "visit_id": "uuid",
    "reader_public_id": "uuid",
    "reader_bucket": "smallint",
    "served_at": "timestamptz",
    "known_until": "timestamptz",
    "counts_as_of": "timestamptz",
    "surface": "text",
    "first_position": "smallint",
    "columns": "smallint",
    "release": "integer",
    "fallback": "text",
    "policy": "text",
    "policy_parameters": "jsonb",
    "policy_version": "text",
    "seed": "bigint",
    "arm": "text",
    "experiments": "jsonb",
    "excluded": "text",
    "items": "bigint[]",
    "sources": "text[]",
    "slot_sources": "integer[]",
    "source_scores": "real[]",
    "source_ranks": "integer[]",
    "scores": "real[]",
    "greedy_items": "bigint[]",
    "propensities": "float8[]",
    "branches": "smallint[]",
    "teams": "smallint[]",
    "removed": "jsonb",
    "detail_share": "float8",
}
_DETAIL_COLUMNS: dict[str, LiteralString] = {
    "slate_id": "uuid",
    "feature_set": "text",
    "features": "bytea",
    "union_items": "bigint[]",
    "union_scores": "real[]",
    "union_sources": "smallint[]",
    "removed_items": "bigint[]",
    "removed_reasons": "text[]",
    "pool_items": "bigint[]",
    "pool_scores": "real[]",
    "pool_cap_keys": "bigint[]",
    "pool_features": "bytea",
    "outside_size": "integer",
    "outside_rule": "text",
}


def _insert(table: str, columns: Mapping[str, LiteralString]) -> str:
    """A statement with a placeholder a column, of its type. Its commit does not wait for the disk."""
    statement = sql.SQL("INSERT INTO {table} ({names}) SELECT {values} FROM {no_wait}").format(
        table=sql.Identifier(table),
        names=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(sql.SQL("%s::") + sql.SQL(kind) for kind in columns.values()),
        no_wait=sql.SQL("set_config('synchronous_commit', 'off', true)"),
    )
    return statement.as_string()


_INSERT_SLATE = _insert("feedback_slate", _SLATE_COLUMNS)
_INSERT_BOTH = f"WITH detail AS ({_insert('feedback_slatedetail', _DETAIL_COLUMNS)}) {_INSERT_SLATE}"


def _slate_values(slate: ServedSlate, sources: Sequence[str], detail_share: float) -> list[Any]:
    bit = {name: 1 << index for index, name in enumerate(sources)}
    named = [sorted(slot.named_by, key=lambda one: bit[one.source]) for slot in slate.slots]
    return [
        slate.id,
        slate.visit_id,
        slate.reader_public_id,
        reader_bucket(slate.reader_public_id),
        slate.served_at,
        slate.known_until,
        slate.counts_as_of,
        slate.surface,
        slate.first_position,
        slate.columns,
        slate.release,
        slate.fallback,
        slate.policy,
        json.dumps(dict(slate.policy_parameters)),
        slate.policy_version,
        slate.seed,
        slate.arm,
        None if slate.experiments is None else json.dumps(dict(slate.experiments)),
        slate.excluded,
        array_text(slot.item_id for slot in slate.slots),
        list(sources),
        array_text(sum(bit[one.source] for one in slot.named_by) for slot in slate.slots),
        real_array_text(one.score for ones in named for one in ones),
        array_text(one.rank for ones in named for one in ones),
        real_array_text(slot.score for slot in slate.slots),
        array_text(slot.greedy_item_id for slot in slate.slots),
        array_text(slot.propensity for slot in slate.slots),
        array_text(int(slot.branch) for slot in slate.slots),
        None if all(slot.team is None for slot in slate.slots) else array_text(slot.team for slot in slate.slots),
        json.dumps(dict(slate.removed)),
        detail_share,
    ]


def _source_names(slate: ServedSlate) -> list[str]:
    """Every source of the slate or of its candidates, sorted: source i is bit i."""
    names = {one.source for slot in slate.slots for one in slot.named_by}
    if slate.candidates is not None:
        names.update(*set(slate.candidates.named_by))  # a thousand candidates have a few dozen sets
    return sorted(names)


def _detail_values(slate: ServedSlate, sources: Sequence[str], candidates: Candidates | None) -> list[Any]:
    features = [slate.id, slate.feature_set, slate.features]
    if candidates is None:
        return features + [None] * (len(_DETAIL_COLUMNS) - len(features))
    bit = {name: 1 << index for index, name in enumerate(sources)}
    bits = {names: sum(bit[name] for name in names) for names in set(candidates.named_by)}
    return [
        *features,
        array_text(candidates.item_ids),
        None if all(score is None for score in candidates.scores) else real_array_text(candidates.scores),
        array_text(bits[names] for names in candidates.named_by),
        array_text(item_id for item_id, _ in candidates.removed),
        [reason for _, reason in candidates.removed],
        *_pool_values(candidates.pool),
    ]


def _pool_values(pool: Pool | None) -> list[Any]:
    if pool is None:
        return [None] * 6
    return [
        array_text(pool.item_ids),
        real_array_text(pool.scores),
        array_text(array_text(keys) for keys in pool.cap_keys),
        pool.features,
        pool.outside_size,
        pool.outside_rule,
    ]
