"""What `python -m benchmarks ingest` has measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FunctionRound:
    """The same events both ways. `ratio`: the function's events per second over the bare COPY's."""

    seed: int
    events: int
    function_seconds: float
    copy_seconds: float

    @property
    def ratio(self) -> float:
        return self.copy_seconds / self.function_seconds


@dataclass(frozen=True)
class HttpRound:
    seed: int
    events: int
    seconds: float
    median_ms: float
    p99_ms: float

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds


@dataclass(frozen=True)
class LayoutCost:
    """median_ms, p95_ms: of one slate.  bytes: of table, indexes and out-of-line storage, a slate."""

    layout: str
    slates: int
    median_ms: float
    p95_ms: float
    bytes: int
