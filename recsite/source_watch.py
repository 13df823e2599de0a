"""A time budget for each candidate source: one that keeps being slow is left out for a while, so that pages are not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from recsite.metrics import SOURCE_FAILURES

logger = logging.getLogger(__name__)


class SourceWatch:
    """Of one process. A source that took longer than its budget so many times in a row rests, then gets another chance.

    budget_s: for one answer. A thread cannot be stopped in the middle of one, so the first slow pages are slow.
    timer: seconds from any beginning.
    """

    def __init__(
        self,
        *,
        budget_s: float = 0.25,
        strikes: int = 3,
        rest_s: float = 60.0,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget_s, self._strikes, self._rest_s, self._timer = budget_s, strikes, rest_s, timer
        self._slow: dict[str, int] = {}
        self._rests_until: dict[str, float] = {}

    def resting(self) -> frozenset[str]:
        """Names of sources that are not to be asked now."""
        if not self._rests_until:
            return frozenset()
        at = self._timer()
        return frozenset(source for source, until in self._rests_until.copy().items() if at < until)

    @contextmanager
    def timed(self, source: str) -> Iterator[None]:
        """To be entered while the source is asked."""
        began = self._timer()
        try:
            yield
        finally:
            self._judge(source, self._timer() - began)

    def _judge(self, source: str, seconds: float) -> None:
        slow = self._slow.get(source, 0) + 1 if seconds > self._budget_s else 0
        if slow >= self._strikes:
            SOURCE_FAILURES.labels(source).inc()
            logger.warning("a source is slow and rests", extra={"source": source, "seconds": round(seconds, 3)})
            self._rests_until[source] = self._timer() + self._rest_s
            slow = 0
        self._slow[source] = slow
