"""What /metrics says of releases, trainings, jobs and serving, with one process and with several."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from django.test import Client
from django_celery_results.models import TaskResult
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from recsite import clock, recorded_metrics
from recsite.metrics import FALLBACKS, SERVING_SECONDS
from recsite.models import TrainingRun
from tests.recsite.releases.rows import make_candidate, make_live
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
Labels = dict[str, str]


@pytest.fixture(autouse=True)
def readable(settings: Settings) -> None:
    settings.METRICS_TOKEN = "let-me-see"


def scraped() -> dict[str, list[tuple[Labels, float]]]:
    """Samples by name, of one scrape that Prometheus' own parser can read."""
    response = Client().get("/metrics", headers={"Authorization": "Bearer let-me-see"})
    assert response.status_code == 200
    found: dict[str, list[tuple[Labels, float]]] = {}
    for family in text_string_to_metric_families(response.content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def value(name: str, **labels: str) -> float:
    (found,) = [amount for given, amount in scraped()[name] if given == labels]
    return found


def test_where_nothing_is_live_there_is_no_age() -> None:
    found = scraped()
    assert found["recsite_live_release"] == [({}, 0)]
    assert "recsite_live_release_age_seconds" not in found


def test_the_live_release_says_its_number_how_old_it_is_and_for_how_long_it_is_live() -> None:
    now = clock.now()
    make_candidate(now=now)
    live = make_live(now=now - timedelta(hours=2), retriever_until=now - timedelta(hours=5))
    assert value("recsite_live_release") == live.pk
    assert value("recsite_live_release_for_seconds") == pytest.approx(2 * 3600, abs=60)
    assert value("recsite_live_release_age_seconds", model="retriever") == pytest.approx(5 * 3600, abs=60)
    assert (value("recsite_releases", state="candidate"), value("recsite_releases", state="refused")) == (1, 0)


def test_trainings_are_counted_by_what_came_of_them_and_those_without_an_end_apart() -> None:
    for kind, state in (("retriever", "failed"), ("reranker", "promoted"), ("reranker", "promoted")):
        TrainingRun.objects.create(kind=kind, state=state, started_at=clock.now(), process="here 1")
    TrainingRun.objects.create(kind="reranker", started_at=clock.now(), process="here 2")
    ended = "recsite_training_runs_total"
    assert value(ended, kind="retriever", outcome="failed") == 1
    assert value(ended, kind="reranker", outcome="promoted") == 2
    assert value(ended, kind="reranker", outcome="lost") == 0
    assert value("recsite_training_running", kind="reranker") == 1


def test_jobs_of_the_last_day_are_told_by_name_and_status() -> None:
    for number, status in enumerate(("SUCCESS", "SUCCESS", "FAILURE")):
        TaskResult.objects.create(task_id=str(number), task_name="recsite.tasks.refresh_sources", status=status)
    old = TaskResult.objects.create(task_id="old", task_name="recsite.tasks.keep_log", status="SUCCESS")
    TaskResult.objects.filter(pk=old.pk).update(date_done=clock.now() - timedelta(days=2))
    found = {(labels["job"], labels["status"]): count for labels, count in scraped()["recsite_jobs"]}
    assert found == {("refresh_sources", "success"): 2, ("refresh_sources", "failure"): 1}
    assert value("recsite_job_success_age_seconds", job="refresh_sources") < 60


def test_without_the_database_what_the_process_counted_is_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert value("recsite_database_answers") == 1

    def gone() -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(recorded_metrics, "live_release", gone)
    found = scraped()
    assert found["recsite_database_answers"] == [({}, 0)]
    assert "recsite_releases" not in found
    assert "recsite_database_failures_total" in found


def test_fallbacks_are_counted_by_reason_and_steps_by_their_time() -> None:
    labels = {"reason": "release failed"}
    FALLBACKS.labels(**labels).inc()
    SERVING_SECONDS.labels("retrieve").observe(0.003)
    before = value("recsite_fallbacks_total", **labels)
    FALLBACKS.labels(**labels).inc()
    assert value("recsite_fallbacks_total", **labels) == before + 1
    assert value("recsite_serving_step_seconds_count", step="retrieve") >= 1


_COUNTING = """
import sys
import django; django.setup()
from recsite.metrics import FALLBACKS, SERVING_SECONDS
from recsite.releases.live import SWAPS, TRAINED_UNTIL
FALLBACKS.labels("no release").inc(int(sys.argv[1]))
SERVING_SECONDS.labels("order").observe(0.001)
SWAPS.inc()
TRAINED_UNTIL.set(int(sys.argv[1]))
print("counted", flush=True)
sys.stdin.read()
"""


def test_what_several_processes_counted_is_added_up(settings: Settings, tmp_path: Path) -> None:
    """The age is that of the process which lags behind."""
    settings.PROMETHEUS_DIR = str(tmp_path)
    environment = os.environ | {
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "recsite.settings",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _COUNTING, number],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in ("3", "4")
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"counted\n"
        wait_until(lambda: len(list(tmp_path.glob("*.db"))) >= 6, "both have written")
        assert value("recsite_fallbacks_total", reason="no release") == 7
        assert value("recsite_serving_step_seconds_count", step="order") == 2
        assert value("recsite_release_swaps_total") == 2
        assert value("recsite_release_trained_until_seconds") == 3
    finally:
        for process in processes:
            process.communicate(timeout=30)
