"""What a tether does when its parent is gone before the kernel could be asked for a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recsite.onemachine.tether import tethered

SAY = [sys.executable, "-c", "print('ran')"]


def what_runs(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_command_of_a_living_parent_runs() -> None:
    assert what_runs(tethered(SAY, death_signal=signal.SIGTERM)) == "ran"


def test_command_does_not_run_for_another_parent_than_the_one_that_meant_it() -> None:
    command = tethered(SAY, death_signal=signal.SIGTERM)
    # A shell in between stands for whoever adopts the child of a parent that died.
    assert what_runs(["sh", "-c", '"$@"; true', "sh", *command]) == ""


@pytest.mark.parametrize("runs", [True, False])
def test_parent_may_be_named_by_a_file(tmp_path: Path, runs: bool) -> None:
    file = tmp_path / "parent.pid"
    file.write_text(f"{os.getpid() if runs else 1}\n")
    assert bool(what_runs(tethered(SAY, death_signal=signal.SIGTERM, parent_file=file))) == runs


def test_command_does_not_run_when_nobody_wrote_the_parent_down(tmp_path: Path) -> None:
    command = tethered(SAY, death_signal=signal.SIGTERM, parent_file=tmp_path / "parent.pid")
    assert what_runs(command) == ""


def test_pool_process_whose_worker_is_gone_ends() -> None:
    orphan = (
        "import os\n"
        "from recsite.onemachine import celery_hooks\n"
        "if os.fork() == 0:\n"
        "    if os.fork() == 0:\n"
        "        celery_hooks.end_with_worker()\n"
        "        os.write(1, b'lives on')\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
        "    os._exit(0)\n"
        "os.wait()\n"
    )
    assert what_runs([sys.executable, "-c", orphan]) == ""
