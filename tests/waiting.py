"""Wait for something to become true. Tests wait for conditions, never for time to pass."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

_POLL_S = 0.05
_PATIENCE_S = 120.0
"""No bound on speed: long after every healthy run on a busy machine, and before the test's own end."""
_pause = threading.Event()

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T], what: str, deadline_s: float = _PATIENCE_S, *, found: Callable[[], str] = lambda: ""
) -> T:
    """The first true value of `condition`.

    After `deadline_s` the test fails and says `what` it waited for and what it `found` instead.
    """
    last_moment = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() > last_moment:
            raise AssertionError(f"after {deadline_s:g} s: not yet {what}. {found()}")
        _pause.wait(_POLL_S)
    return value
