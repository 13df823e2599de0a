"""The log of whole visits as three Arrow tables: what labels are made of."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pyarrow as pa

_TIME = pa.timestamp("us", tz="UTC")

SLATES = pa.schema(
    {
        "slate_id": pa.binary(),
        "visit_id": pa.binary(),
        "reader_public_id": pa.binary(),
        "reader_bucket": pa.int16(),
        "served_at": _TIME,
        "known_until": _TIME,
        "counts_as_of": _TIME,
        "surface": pa.string(),
        "first_position": pa.int16(),
        "columns": pa.int16(),
        "release": pa.int32(),
        "policy": pa.string(),
        "items": pa.list_(pa.int64()),
        "scores": pa.list_(pa.float32()),
        "propensities": pa.list_(pa.float64()),
        "branches": pa.list_(pa.int16()),
        "feature_set": pa.string(),
        "features": pa.binary(),
    }
)
VIEWS = pa.schema({"slate_id": pa.binary(), "position": pa.int16(), "viewed_at": _TIME, "received_at": _TIME})
INTERACTIONS = pa.schema(
    {
        "visit_id": pa.binary(),
        "item_id": pa.int64(),
        "kind": pa.string(),
        "happened_at": _TIME,
        "received_at": _TIME,
        "undo_received_at": _TIME,
        "dwell_ms": pa.int32(),
        "excluded": pa.bool_(),
    }
)


@dataclass(frozen=True, eq=False)
class VisitLog:
    """Whole visits, as three tables: `SLATES` that may teach, `VIEWS` and `INTERACTIONS` of them."""

    slates: pa.Table
    views: pa.Table
    interactions: pa.Table

    def __post_init__(self) -> None:
        for field, schema in zip(fields(self), (SLATES, VIEWS, INTERACTIONS), strict=True):
            found = getattr(self, field.name).schema
            if found != schema:
                raise ValueError(f"{field.name} of a visit log is\n{found}\nbut must be\n{schema}")
