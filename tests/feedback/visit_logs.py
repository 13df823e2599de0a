"""Visit logs for tests of labels, written down by hand: seconds after noon, small numbers for ids."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from feedback.labels import LabelConfig, label_visits
from feedback.models import Slate
from feedback.visit_log import INTERACTIONS, SLATES, VIEWS, VisitLog
from tests.factories import NOW

LONG_AFTER = NOW + timedelta(days=2)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def id_of(number: int) -> bytes:
    return struct.pack(">QQ", 0, number)


@dataclass
class Log:
    """slates, views, interactions: rows of the three tables."""

    slates: list[dict[str, Any]] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    interactions: list[dict[str, Any]] = field(default_factory=list)

    def slate(
        self,
        items: Sequence[int],
        *,
        served: float = 0,
        visit: int = 1,
        viewed: Sequence[int] | None = (),
        first_position: int = 0,
        **fields: Any,
    ) -> int:
        """A slate and its views: of the slots `viewed`, two seconds after serving; None: all of them."""
        number = len(self.slates) + 1
        values = {
            "slate_id": id_of(number),
            "visit_id": id_of(visit),
            "reader_public_id": id_of(visit),
            "reader_bucket": 7,
            "served_at": at(served),
            "known_until": at(served),
            "surface": "home",
            "first_position": first_position,
            "release": 1,
            "policy": "greedy",
            "items": list(items),
            "scores": [0.5] * len(items),
            "propensities": [1.0] * len(items),
            "branches": [int(Slate.Branch.GREEDY)] * len(items),
        }
        self.slates.append(values | fields)
        for slot in range(len(items)) if viewed is None else viewed:
            self.view(number, first_position + slot, served + 2)
        return number

    def view(self, slate: int, position: int, seconds: float, *, received: float | None = None) -> None:
        self.views.append(
            {
                "slate_id": id_of(slate),
                "position": position,
                "viewed_at": at(seconds),
                "received_at": at(seconds if received is None else received),
            }
        )

    def act(
        self,
        kind: str,
        item: int | None,
        seconds: float,
        *,
        visit: int = 1,
        received: float | None = None,
        dwell_ms: int | None = None,
        undone: float | None = None,
        excluded: bool = False,
    ) -> None:
        self.interactions.append(
            {
                "visit_id": id_of(visit),
                "item_id": item,
                "kind": kind,
                "happened_at": at(seconds),
                "received_at": at(seconds if received is None else received),
                "undo_received_at": None if undone is None else at(undone),
                "dwell_ms": dwell_ms,
                "excluded": excluded,
            }
        )

    def read(self, item: int, seconds: float, *, visit: int = 1, dwell_ms: int = 20_000) -> None:
        """A click and what was read after it."""
        self.act("click", item, seconds, visit=visit)
        self.act("dwell", item, seconds + 30, visit=visit, dwell_ms=dwell_ms)

    def table(self) -> VisitLog:
        return VisitLog(
            slates=pa.Table.from_pylist(self.slates, SLATES),
            views=pa.Table.from_pylist(self.views, VIEWS),
            interactions=pa.Table.from_pylist(self.interactions, INTERACTIONS),
        )

    def rows(self, *, until: datetime = LONG_AFTER, config: LabelConfig | None = None) -> list[dict[str, Any]]:
        return label_visits(self.table(), until=until, config=config).to_pylist()

    def labels(self, *, until: datetime = LONG_AFTER, config: LabelConfig | None = None) -> dict[int, str]:
        """By item, of a log whose visits show different items."""
        return {row["item_id"]: row["label"] for row in self.rows(until=until, config=config)}
