"""What the doctor finds: a line a part, and an exit code that a script can go by."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from pytest_django.fixtures import Settings

from recsite import clock, examination
from recsite.models import Release, TrainingRun
from recsite.releases import registry
from tests.factories import make_interaction, make_item, make_reader, make_slate, make_view

pytestmark = pytest.mark.django_db


class _Inspector:
    """Answers as workers of these queues would."""

    queues: tuple[str, ...] = ("default", "training")

    def active_queues(self) -> dict[str, list[dict[str, str]]] | None:
        return {f"{name}@here": [{"name": name}] for name in self.queues} or None


@pytest.fixture(autouse=True)
def a_site_at_work(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.ARTEFACT_URL = f"file://{tmp_path}/artefacts"
    settings.ARTEFACT_CACHE = tmp_path / "not" / "made" / "yet"
    monkeypatch.setattr(examination.app.control, "inspect", lambda timeout: _Inspector())
    schedule = IntervalSchedule.objects.create(every=60, period="seconds")
    PeriodicTask.objects.create(name="one", task="one", interval=schedule, last_run_at=clock.now())
    return


def found() -> tuple[dict[str, tuple[str, str]], int]:
    """{part: (level, text)}, and the exit code."""
    output, code = io.StringIO(), 0
    try:
        call_command("doctor", stdout=output)
    except CommandError as error:
        code = error.returncode
    rows = [line.split(maxsplit=1) for line in output.getvalue().splitlines()]
    parts = [(level, *rest.split("  ", 1)) for level, rest in rows]
    return {part: (level, text.strip()) for level, part, text in parts}, code


def live(**fields: Any) -> Release:
    now = clock.now()
    values: dict[str, Any] = {
        "retriever": "retriever-1",
        "retriever_sha256": "0" * 64,
        "ranker": "ranker-1",
        "ranker_sha256": "0" * 64,
        "retriever_since": now - timedelta(days=9),
        "retriever_until": now - timedelta(days=1),
        "code_version": "1",
        "config": {},
        "report": {},
    }
    release = registry.create_candidate(now=now, **values | fields)
    return registry.promote(release, by="test", reason="test", now=now)


def test_a_new_site_at_work_is_well_though_nothing_is_live() -> None:
    parts, code = found()
    assert code == 0
    assert {level for level, _ in parts.values()} == {"ok", "look"}
    assert "manage.py retrain" in parts["release"][1]
    assert parts["worker of training"] == ("ok", "training@here answers.")


def test_a_missing_worker_is_wrong_and_the_line_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Inspector, "queues", ("default",))
    parts, code = found()
    assert code == 1
    level, text = parts["worker of training"]
    assert (level, "--queues training" in text) == ("wrong", True)


def test_a_scheduler_that_fell_silent_is_wrong() -> None:
    PeriodicTask.objects.update(last_run_at=clock.now() - timedelta(minutes=11))
    parts, code = found()
    assert (parts["scheduler"][0], code) == ("wrong", 1)


def test_a_live_release_whose_files_are_gone_is_wrong() -> None:
    live()
    parts, code = found()
    assert (parts["release"][0], code) == ("wrong", 1)
    assert "retriever-1" in parts["release"][1]


@pytest.mark.parametrize(("days", "level"), [(1, "ok"), (4, "look")])
def test_a_release_that_grew_old_is_worth_a_look(monkeypatch: pytest.MonkeyPatch, days: int, level: str) -> None:
    live(retriever_until=clock.now() - timedelta(days=days))
    monkeypatch.setattr(examination, "store", _Everything)
    parts, code = found()
    assert (parts["release"][0], code) == (level, 0)


class _Everything:
    def names(self) -> list[str]:
        return ["retriever-1", "ranker-1"]


@pytest.mark.parametrize(
    ("state", "level"), [("promoted", "ok"), ("skipped", "ok"), ("failed", "wrong"), ("lost", "wrong")]
)
def test_the_last_training_that_ended_is_shown(state: str, level: str) -> None:
    now = clock.now()
    for minutes, name in ((30, "failed"), (20, state), (1, "running")):
        started_at = now - timedelta(minutes=minutes)
        TrainingRun.objects.create(kind="retriever", state=name, started_at=started_at, process="x 1", outcome="Why.")
    parts, _ = found()
    assert parts["retriever training"][0] == level
    assert parts["retriever training"][1].endswith(f"{state}. Why.")


def test_what_there_is_to_learn_from_is_counted(settings: Settings) -> None:
    settings.GATE_POSITIVES = 2
    reader, now = make_reader(), clock.now()
    slate = make_slate([make_item(), make_item(), make_item()], reader=reader, served_at=now - timedelta(hours=1))
    for slot in range(3):
        make_view(slate, slot)
    at = now - timedelta(minutes=30)
    make_interaction(reader, "click", slate.items[0], slate=slate, happened_at=at)
    make_interaction(reader, "like", slate.items[0], happened_at=at)
    make_interaction(reader, "save", slate.items[1], happened_at=at, undone_at=at)
    parts, _ = found()
    level, text = parts["examples"]
    assert level == "ok"
    assert "2 positives and 2 views without a click" in text


def test_without_a_database_nothing_else_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> tuple[str, str]:
        raise ConnectionRefusedError("no route")

    monkeypatch.setattr(examination, "_database", away)
    parts, code = found()
    assert (list(parts), code) == (["database"], 1)
