"""An arm whose site is asked over real HTTP and whose trainings are done by a Celery worker, beside the same arm in one
process."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks import loop
from benchmarks.loop_arms import ARMS
from benchmarks.loop_celery import count
from benchmarks.loop_programs import Programs
from tests.addresses import url_of_test_database
from tests.benchmarks.test_loop import arguments

TAKEN = {"seconds", "peak_rss_mib", "revision"}
"""Of a round, all that may differ: the code may be committed between the two."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both ways to play. In the second round the ranker that was trained after the first serves."""
    folder = tmp_path_factory.mktemp("loop")
    for over in ("process", "http"):
        loop.run(arguments(folder, "--rounds", "2", "--over", over, arms=("d",)))
    (found,) = (folder / "kept").glob("*/seed-1")
    return found


def rounds(own: Path) -> list[dict[str, Any]]:
    told = json.loads((own / "rounds.json").read_text())
    return [{name: value for name, value in one.items() if name not in TAKEN} for one in told]


def test_over_http_and_celery_an_arm_comes_to_the_same_as_in_one_process(played: Path) -> None:
    log = (played / "d-over-http.log").read_text()
    for task in ("count", "learn_round"):
        assert f"Task benchmarks.loop_celery.{task}[" in log
    assert "Listening at: http://127.0.0.1:" in log
    in_process = rounds(played / "d")
    assert [one["reranked"] for one in in_process] == [False, True]
    assert in_process[1]["visits"] > 0
    assert rounds(played / "d-over-http") == in_process


def test_over_http_every_visit_is_the_same_as_in_one_process(played: Path) -> None:
    visits = [sorted((played / own / "run-2").glob("visits-*.jsonl")) for own in ("d", "d-over-http")]
    assert [path.name for path in visits[0]] == [f"visits-000{day}.jsonl" for day in (1, 2, 3, 4)]
    assert [path.read_text() for path in visits[0]] == [path.read_text() for path in visits[1]]


def test_arms_that_need_one_process_are_refused_over_http_and_no_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        loop.run(arguments(tmp_path, "--over", "http", arms=tuple(ARMS)))
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert set(re.findall(r"^  (\w+): ", said, re.MULTILINE)) == {
        "random",
        "oracle",
        "c0",
        "c1",
        "h",
        "gated",
    }
    assert "--over process" in said


def test_what_was_played_over_http_is_not_written_among_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        loop.run(arguments(tmp_path, "--over", "http", "--write", str(tmp_path / "written"), arms=("d",)))
    assert ended.value.code == 2
    assert "--write" in capsys.readouterr().err


@pytest.mark.django_db(transaction=True)
def test_a_task_that_fails_and_a_worker_that_is_gone_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url_of_test_database())
    programs = Programs(ARMS["d"])
    with programs.running():
        with pytest.raises(RuntimeError, match="Invalid isoformat string: 'no time'"):
            programs.done(count, "no time")
        (worker,) = (child for child in psutil.Process().children() if "celery" in child.cmdline())
        worker.kill()
        with pytest.raises(RuntimeError, match=r"ended, with their exit statuses: {'worker': -9}"):
            programs.done(count, "2026-03-02T00:00:00+00:00")
