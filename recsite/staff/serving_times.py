"""How long the steps of a page take, from what web processes have counted since they began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from django.conf import settings
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from recsite.metrics import web_processes

STEPS = ("state", "retrieve", "filter", "features", "order", "slate", "rules", "record")
"""In the order of a page."""
_NAME = "recsite_serving_step_seconds"


@dataclass(frozen=True)
class StepTime:
    """p50_ms, p99_ms: about, as buckets tell; None where that many took longer than the last bucket has room for."""

    step: str
    times: int
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True)
class ServingTimes:
    """since: when the processes began to count; None where that is not known."""

    since: datetime | None
    steps: Sequence[StepTime]


def serving_times(registry: CollectorRegistry | None = None) -> ServingTimes:
    """Of every step that was taken at least once. registry: by default all web processes that share a folder, or this
    one where there is none."""
    family = next((found for found in (registry or web_processes()).collect() if found.name == _NAME), None)
    if family is None:
        return ServingTimes(None, [])
    found = {step: _step(step, _buckets(family, step)) for step in STEPS}
    return ServingTimes(_since(family), [time for time in found.values() if time is not None])


def quantile(share: float, buckets: Sequence[tuple[float, float]]) -> float | None:
    """The value below which `share` lies, interpolated within its bucket as Prometheus' histogram_quantile does.

    buckets: (upper bound, how many lie at or below it), rising, the last bound infinite. None in the last bucket.
    """
    wanted = share * buckets[-1][1]
    for (low, below), (high, up_to) in pairwise([(0.0, 0.0), *buckets]):
        if up_to >= wanted and up_to > below:
            return None if high == float("inf") else low + (high - low) * (wanted - below) / (up_to - below)
    return None


def _step(step: str, buckets: list[tuple[float, float]]) -> StepTime | None:
    if not buckets or not buckets[-1][1]:
        return None
    p50, p99 = (None if (s := quantile(share, buckets)) is None else s * 1_000 for share in (0.5, 0.99))
    return StepTime(step, int(buckets[-1][1]), p50, p99)


def _buckets(family: Metric, step: str) -> list[tuple[float, float]]:
    return sorted(
        (float(sample.labels["le"]), sample.value)
        for sample in family.samples
        if sample.name == f"{_NAME}_bucket" and sample.labels["step"] == step
    )


def _since(family: Metric) -> datetime | None:
    if settings.PROMETHEUS_DIR:
        begun = Path(settings.PROMETHEUS_DIR) / settings.PROMETHEUS_SINCE
        return datetime.fromtimestamp(begun.stat().st_mtime, UTC) if begun.exists() else None
    created = [sample.value for sample in family.samples if sample.name == f"{_NAME}_created"]
    return datetime.fromtimestamp(min(created), UTC) if created else None
