"""What `python -m benchmarks freshness` has measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Waits:
    """Seconds of several rounds, each until the last process has it. first: what had to be fetched and loaded anew."""

    first: float
    median: float
    longest: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Waits:
        return cls(seconds[0], float(np.median(seconds)), max(seconds))


@dataclass(frozen=True)
class Pages:
    """Milliseconds of pages over HTTP."""

    pages: int
    p50: float
    p99: float

    @classmethod
    def of(cls, taken_ms: Sequence[float]) -> Pages:
        return cls(len(taken_ms), float(np.median(taken_ms)), float(np.percentile(taken_ms, 99)))


@dataclass(frozen=True)
class SizeMeasured:
    """promoted, rolled_back, published: until every web process has it. swapping: pages during such a change."""

    items: int
    promoted: Waits
    rolled_back: Waits
    published: Waits
    usual: Pages
    swapping: Pages

    @property
    def p99_ratio(self) -> float:
        return self.swapping.p99 / self.usual.p99


def during(asked: Sequence[tuple[float, float]], spans: Sequence[tuple[float, float]]) -> list[float]:
    """Milliseconds of the pages that were under way at any moment of a span.

    asked: of each page when it was asked for, in seconds, and its milliseconds.  spans: from, until, in seconds.
    """
    return [ms for at, ms in asked if any(at < until and at + ms / 1_000 > since for since, until in spans)]
