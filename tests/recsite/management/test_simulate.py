"""manage.py simulate, and the switch of the audience."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from feedback.models import Slate, View
from recsite import audience_switch
from recsite.management.commands import simulate
from tests.addresses import free_port
from tests.recsite.faults.web import environment, serving

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def simulated(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """By a command of its own, as somebody types it."""
    return subprocess.run(
        [sys.executable, "manage.py", "simulate", *arguments],
        cwd=settings.BASE_DIR,
        env=environment(folder, **more),
        capture_output=True,
        text=True,
        check=False,
    )


def make_world(folder: Path) -> None:
    sizes = ["--items", "150", "--until", "2026-03-01", "--seed", "1", "--world", "default"]
    command = [sys.executable, "-m", "simulation", "catalogue", "--out", str(folder / "world"), *sizes]
    subprocess.run(command, cwd=settings.BASE_DIR, check=True, capture_output=True)


@pytest.mark.django_db(transaction=True)
def test_readers_use_a_running_site_and_go_on_where_they_were(tmp_path: Path) -> None:
    make_world(tmp_path)
    call_command(
        "import_catalog", str(tmp_path / "world" / "items.jsonl"), "--format", "jsonl", "--rejects", "/dev/null"
    )
    with serving(tmp_path / "web") as web:
        options = ["--site", web.address, "--readers", "4", "--from", "2026-03-01"]
        first = simulated(tmp_path, *options, "--days", "1")
        assert first.returncode == 0, first.stderr
        assert "day 1: " in first.stderr
        seen = View.objects.count()
        assert seen > 0
        again = simulated(tmp_path, *options, "--days", "1")
        assert (again.returncode, View.objects.count()) == (0, seen)
        further = simulated(tmp_path, *options, "--days", "3")
        assert further.returncode == 0, further.stderr
        assert "day 1: " not in further.stderr
        assert View.objects.count() > seen
        days = {slate.served_at.date() for slate in Slate.objects.all()}
        assert days <= {(NOW + timedelta(days=day)).date() for day in range(3)}
        on_another_day = simulated(tmp_path, *options[:-2], "--days", "3")
        assert (on_another_day.returncode, "end of day 3" in on_another_day.stdout) == (0, True), on_another_day.stderr
        other = simulated(tmp_path, *options, "--days", "3", "--seed", "2")
        assert other.returncode == 1
        assert "holds another run" in other.stderr


@pytest.mark.django_db(transaction=True)
def test_a_site_that_is_not_for_simulations_is_named_and_left_alone(tmp_path: Path) -> None:
    make_world(tmp_path)
    with serving(tmp_path / "web", SIMULATION="0") as web:
        refused = simulated(tmp_path, "--site", web.address)
        assert refused.returncode == 1
        assert "does not heed the simulated clock" in refused.stderr
        assert "SIMULATION=1" in refused.stderr
    assert not Slate.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_another_secret_key_is_noticed(tmp_path: Path) -> None:
    make_world(tmp_path)
    with serving(tmp_path / "web") as web:
        refused = simulated(tmp_path, "--site", web.address, SECRET_KEY="another" * 10)
    assert refused.returncode == 1
    assert "SECRET_KEY" in refused.stderr


def test_where_nobody_answers_and_where_no_world_is_it_says_so(tmp_path: Path) -> None:
    silent = simulated(tmp_path, "--site", f"http://127.0.0.1:{free_port()}")
    assert silent.returncode == 1
    assert "nobody answers at http://127.0.0.1:" in silent.stderr
    assert "Traceback" not in silent.stderr


def test_an_audience_has_no_days() -> None:
    with pytest.raises(CommandError, match="leave out --days") as error:
        call_command("simulate", "--audience", "--days", "2")
    assert error.value.returncode == simulate.WRONG_USAGE


@pytest.mark.django_db
def test_the_audience_is_there_until_staff_send_it_away_and_comes_back() -> None:
    assert audience_switch.is_on()
    audience_switch.turn(on=False, by="ann", reason="Measuring.", now=NOW)
    assert not audience_switch.is_on()
    audience_switch.turn(on=True, by="ann", reason="Done.", now=NOW + timedelta(minutes=1))
    assert audience_switch.is_on()


# --- the keeper of the audience ---


class Ended:
    """A process that has ended by itself."""

    def poll(self) -> int:
        return 1

    def terminate(self) -> None:
        """As of one that is gone."""

    def wait(self, _patience_s: float | None = None) -> int:
        return 1


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands of every start, each of which ends at once."""
    commands: list[list[str]] = []

    def start(command: list[str], **_options: object) -> Ended:
        commands.append(command)
        return Ended()

    monkeypatch.setattr(subprocess, "Popen", start)
    return commands


def test_an_audience_that_ends_by_itself_is_started_again_later_and_later(starts: list[list[str]]) -> None:
    keeper = simulate.Keeper(["the-audience"])
    started_at_look = []
    for look in range(1, 200):
        before = len(starts)
        keeper.follow(on=True)
        if len(starts) > before:
            started_at_look.append(look)
    assert started_at_look == [1, 2, 4, 8, 16, 32, 64, 125, 186]
    assert {command[-1] for command in starts} == {"the-audience"}


def test_one_that_was_sent_away_is_there_at_once_when_it_is_called_back(starts: list[list[str]]) -> None:
    keeper = simulate.Keeper(["the-audience"])
    for _ in range(9):
        keeper.follow(on=True)
    before = len(starts)
    keeper.follow(on=True)
    assert len(starts) == before, "it waits"
    keeper.follow(on=False)
    keeper.follow(on=True)
    assert len(starts) == before + 1


def test_one_that_goes_on_is_left_alone(starts: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ended, "poll", lambda _process: None)
    keeper = simulate.Keeper(["the-audience"])
    for _ in range(5):
        keeper.follow(on=True)
    assert len(starts) == 1
