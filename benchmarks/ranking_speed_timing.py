"""Milliseconds of calls that are compared: they take turns, and what counts is the median."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Call = Callable[[int], object]
"""Called with the number of a request."""

Name = TypeVar("Name")


@dataclass(frozen=True)
class Timed:
    """Milliseconds of one call. ratio: to what it is compared with; None where that is nothing."""

    p50_ms: float
    p99_ms: float
    ratio: float | None


def in_rounds(calls: Mapping[Name, Call], requests: int, rounds: int) -> dict[Name, np.ndarray]:
    """Seconds of each call, (rounds, requests). What is compared takes turns, every other round backwards, for the
    machine has other work too. Before the first round each is called once, for what is done once."""
    for call in calls.values():
        call(0)
    seconds = {name: np.empty((rounds, requests)) for name in calls}
    for number in range(rounds):
        for name in list(calls) if number % 2 else reversed(list(calls)):
            for i in range(requests):
                begun = time.perf_counter()
                calls[name](i)
                seconds[name][number, i] = time.perf_counter() - begun
    return seconds


def timed(seconds: np.ndarray, beside: np.ndarray | None = None) -> Timed:
    times = None if beside is None else ratio(seconds, beside)
    return Timed(float(np.median(seconds)) * 1e3, float(np.quantile(seconds, 0.99)) * 1e3, times)


def ratio(seconds: np.ndarray, beside: np.ndarray) -> float:
    """The median over rounds, so that one bad round counts for nothing. Both: (rounds, requests)."""
    return float(np.median(np.median(seconds, axis=1) / np.median(beside, axis=1)))
