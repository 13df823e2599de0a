"""Rounds of training that take a second, because the towers of `tests.recsite.training.known_world` are taken instead
of trained. All else is real: reading, measuring, the gate, files, rows, locks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from recsite.training import pair, parity, rounds
from recsite.training.configs import Amounts
from recsite.training.measuring import Measuring
from tests.recsite.training.known_world import fused, trained_in_no_time


def make_quick(replace: Callable[[object, str, Any], object]) -> None:
    """replace: `setattr`, or that of a monkeypatch."""
    replace(pair, "train_stage", trained_in_no_time)
    replace(pair, "train_bootstrap", fused)
    for module in (pair, rounds):
        replace(module, "amounts", lambda _size: Amounts(rows=1_000, labels=40, queries=12, visits=12))
    # A machine that is busy with tests says nothing about how long an answer takes.
    replace(Measuring, "latency_p99_ms", lambda _self, _one: 1.0)
    replace(parity, "TRIED", 2)
