"""What `python -m benchmarks feed` has measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FunctionMs:
    """Milliseconds of pages through the function, and of the bare calls beside each.

    bare_p50: of their sum, page by page.  parts_p50: of each call.  candidates: whom a page was chosen from, a mean.
    slate_bytes: of what is recorded of a page, and what the bare INSERT writes.
    """

    pages: int
    p50: float
    p99: float
    bare_p50: float
    bare_p99: float
    parts_p50: dict[str, float]
    candidates: float
    slate_bytes: int

    @property
    def ratio(self) -> float:
        return self.p50 / self.bare_p50

    @property
    def above_ms(self) -> float:
        return self.p50 - self.bare_p50

    @classmethod
    def of(
        cls,
        function_ms: Sequence[float],
        bare_ms: Sequence[Sequence[float]],
        names: Sequence[str],
        *,
        candidates: float,
        slate_bytes: int,
    ) -> FunctionMs:
        """bare_ms: a row a page, a column a call."""
        bare = np.array(bare_ms)
        return cls(
            pages=len(function_ms),
            p50=float(np.median(function_ms)),
            p99=float(np.percentile(function_ms, 99)),
            bare_p50=float(np.median(bare.sum(axis=1))),
            bare_p99=float(np.percentile(bare.sum(axis=1), 99)),
            parts_p50=dict(zip(names, np.median(bare, axis=0).tolist(), strict=True)),
            candidates=candidates,
            slate_bytes=slate_bytes,
        )


@dataclass(frozen=True)
class HttpMs:
    """Pages over HTTP, asked for one after the other by each of some connections."""

    pages: int
    p50: float
    p99: float
    pages_per_second: float

    @classmethod
    def of(cls, asked: Sequence[tuple[float, float]]) -> HttpMs:
        """asked: of each page when it was asked for, in seconds, and how many milliseconds it took."""
        taken = [ms for _, ms in asked]
        begun = min(at for at, _ in asked)
        ended = max(at + ms / 1_000 for at, ms in asked)
        return cls(len(asked), statistics.median(taken), float(np.percentile(taken, 99)), len(asked) / (ended - begun))


@dataclass(frozen=True)
class Memory:
    """MiB of the largest web process. resident: with the pages that it shares with others; own: shared pages in parts.

    peak: while it went over to another release, both being in memory.
    """

    resident: float
    own: float
    peak: float


@dataclass(frozen=True)
class SizeMeasured:
    items: int
    dim: int
    function: FunctionMs
    one_at_a_time: HttpMs
    eight_at_once: HttpMs
    memory: Memory
