"""Quantiles out of buckets, and since when there is something in them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Histogram
from pytest_django.fixtures import Settings

from recsite.metrics import SERVING_SECONDS
from recsite.staff.serving_times import quantile, serving_times

INFINITE = float("inf")


@pytest.mark.parametrize(
    ("share", "wanted"),
    [(0.5, 0.010), (0.25, 0.005), (0.75, 0.015), (1.0, 0.020)],
)
def test_values_lie_evenly_in_their_bucket(share: float, wanted: float) -> None:
    assert quantile(share, [(0.010, 50.0), (0.020, 100.0), (INFINITE, 100.0)]) == pytest.approx(wanted)


def test_empty_buckets_are_passed_over() -> None:
    assert quantile(0.99, [(0.1, 0.0), (0.2, 100.0), (0.3, 100.0), (INFINITE, 100.0)]) == pytest.approx(0.199)


def test_what_took_longer_than_the_last_bucket_has_no_number() -> None:
    assert quantile(0.99, [(0.1, 90.0), (INFINITE, 100.0)]) is None


def test_steps_that_were_taken_are_told_in_the_order_of_a_page() -> None:
    registry = CollectorRegistry()
    times = Histogram("recsite_serving_step_seconds", "", ["step"], buckets=(0.01, 0.1, 1), registry=registry)
    for step, seconds in (("record", 0.05), ("state", 0.005), ("state", 5.0)):
        times.labels(step).observe(seconds)
    found = serving_times(registry)
    assert [(step.step, step.times) for step in found.steps] == [("state", 2), ("record", 1)]
    assert found.steps[0].p50_ms == pytest.approx(10)
    assert found.steps[0].p99_ms is None


def test_a_process_of_its_own_says_since_when_it_counts(settings: Settings) -> None:
    settings.PROMETHEUS_DIR = None
    SERVING_SECONDS.labels("state").observe(0.001)
    found = serving_times()
    assert found.since is not None
    assert "state" in {step.step for step in found.steps}


def test_processes_that_share_a_folder_count_since_it_was_made(settings: Settings, tmp_path: Path) -> None:
    settings.PROMETHEUS_DIR = str(tmp_path)
    assert serving_times().since is None
    registry = CollectorRegistry()
    Histogram("recsite_serving_step_seconds", "", ["step"], registry=registry).labels("state").observe(1)
    begun = datetime(2026, 3, 1, 12, tzinfo=UTC)
    (tmp_path / settings.PROMETHEUS_SINCE).touch()
    os.utime(tmp_path / settings.PROMETHEUS_SINCE, times=(begun.timestamp(), begun.timestamp()))
    assert serving_times(registry).since == begun
