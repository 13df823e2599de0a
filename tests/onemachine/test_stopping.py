"""However a demo is asked to end, and whatever it is doing then, it ends and leaves no process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.onemachine.demo_process import DemoProcess, running
from tests.waiting import wait_until

# `-o install`: the environment is there already, whoever runs this.
MAKE = ["make", "--silent", "-o", "install", "demo"]


def interrupt_twice(demo: DemoProcess) -> None:
    demo.interrupt()
    demo.interrupt()
    wait_until(lambda: len(demo.marked()) < 10, "programs that end")
    if demo.process.poll() is None:
        demo.interrupt()


def terminate_twice(demo: DemoProcess) -> None:
    demo.process.terminate()
    demo.process.terminate()


def interrupt_only_make(demo: DemoProcess) -> None:
    demo.process.send_signal(signal.SIGINT)


def kill_only_make(demo: DemoProcess) -> None:
    demo.process.kill()


def hang_up(demo: DemoProcess) -> None:
    os.killpg(demo.process.pid, signal.SIGHUP)


def kill_launcher(demo: DemoProcess) -> None:
    demo.supervisor().parent().kill()


def kill_launcher_and_supervisor(demo: DemoProcess) -> None:
    supervisor = demo.supervisor()
    supervisor.parent().kill()
    supervisor.kill()


def kill_supervisor(demo: DemoProcess) -> None:
    demo.supervisor().kill()


@pytest.mark.parametrize(
    "ask",
    [
        interrupt_twice,
        terminate_twice,
        interrupt_only_make,
        kill_only_make,
        hang_up,
        kill_launcher,
        kill_supervisor,
        kill_launcher_and_supervisor,
    ],
)
def test_everything_ends(ask: Callable[[DemoProcess], None], filled_var: Path) -> None:
    with running(filled_var, command=MAKE) as demo:
        demo.wait_until_served()
        started = demo.everything()
        assert len(started) > 10
        ask(demo)
        finished = demo.wait_until_ended(started)
        assert "Traceback" not in finished.output


def test_everything_ends_while_a_job_runs_and_the_job_runs_again(filled_var: Path) -> None:
    with running(filled_var) as demo:
        demo.wait_until_served()
        blocker = demo.database()
        blocker.execute("LOCK TABLE django_session")
        job = "from recsite.tasks import clear_sessions; print(clear_sessions.delay())"
        job_id = demo.manage("shell", "--verbosity", "0", "--command", job).strip()
        wait_until(lambda: _waits_for_a_lock(demo), "a job that waits for the table")
        demo.interrupt()
        assert demo.wait_until_ended().code == 0
        blocker.close()
    with running(filled_var) as demo:
        demo.wait_until_served()
        wait_until(lambda: _state_of_job(demo, job_id) == "SUCCESS", "the job's end in the next demo")


def _waits_for_a_lock(demo: DemoProcess) -> bool:
    with demo.database() as database:
        waiting = database.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchone()
        return waiting is not None and waiting != (0,)


def _state_of_job(demo: DemoProcess, job_id: str) -> object:
    with demo.database() as database:
        row = database.execute(
            "SELECT status FROM django_celery_results_taskresult WHERE task_id = %s", [job_id]
        ).fetchone()
        return row and row[0]


@pytest.mark.parametrize("moment", ["Starting PostgreSQL", "Filling"])
def test_start_stopped_half_way_is_completed_by_the_next_one(moment: str, folder: Path) -> None:
    with running(folder / "var") as demo:
        wait_until(lambda: moment in demo.said(), f"{moment} on the screen")
        demo.interrupt()
        finished = demo.wait_until_ended()
        assert finished.code == 0
        assert "Traceback" not in finished.output
    with running(folder / "var") as demo:
        demo.wait_until_served()
        with demo.database() as database:
            assert database.execute("SELECT count(*) FROM catalog_item").fetchone() == (240,)


def test_reader_of_its_output_may_leave(filled_var: Path) -> None:
    with running(filled_var, command=["sh", "-c", f"{' '.join(MAKE)} | head -n 1"]) as demo:
        wait_until(lambda: demo.get("/") == 200, "a site that serves without a terminal")
        demo.interrupt()
        assert "Traceback" not in demo.wait_until_ended().output
