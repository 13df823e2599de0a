from __future__ import annotations

import sys
from pathlib import Path

import pytest

from recsite.onemachine.errors import StepFailed, StopAsked
from recsite.onemachine.processes import run_step

SAYS_THREE = "print('one'); print('two'); print('thr', end=''); print('ee')"


def test_lines_of_a_step_are_told_once_each_as_whole_lines(tmp_path: Path) -> None:
    told: list[str] = []
    command = [sys.executable, "-u", "-c", SAYS_THREE]
    printed = run_step(command, "Counting", cwd=tmp_path, log=tmp_path / "log", tell=told.append)
    assert told == ["one", "two", "three"]
    assert printed == "one\ntwo\nthree\n"


def test_a_step_tells_while_it_still_runs(tmp_path: Path) -> None:
    """It ends only once what it said has been heard."""
    heard = tmp_path / "heard"
    program = f"import pathlib\nprint('ready')\nwhile not pathlib.Path({str(heard)!r}).exists(): pass\nprint('done')"
    command = [sys.executable, "-u", "-c", program]
    run_step(command, "Talking", cwd=tmp_path, log=tmp_path / "log", tell=lambda line: heard.touch())
    assert (tmp_path / "log").read_text() == "ready\ndone\n"


def test_a_step_that_fails_is_quoted_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('There is nothing to learn from.')"]
    with pytest.raises(StepFailed, match=r"^The training failed: There is nothing to learn from\. \(code 1; "):
        run_step(command, "The training", cwd=tmp_path, log=tmp_path / "log")


def test_a_step_ends_when_somebody_asks_for_the_end(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    with pytest.raises(StopAsked):
        run_step(command, "Waiting", cwd=tmp_path, log=tmp_path / "log", interrupted=lambda: True)
