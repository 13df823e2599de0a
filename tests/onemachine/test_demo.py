"""A running demo: what it serves, and what it survives."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.onemachine.demo_process import DemoProcess, refused, running
from tests.waiting import wait_until

PROGRAMS = ("postgres", "redis", "web", "worker", "training", "beat")


@pytest.fixture(scope="module")
def demo(filled_var: Path) -> Iterator[DemoProcess]:
    with running(filled_var) as demo:
        demo.wait_until_served()
        yield demo


def test_second_start_keeps_the_catalogue_and_the_login(demo: DemoProcess, filled_var: Path) -> None:
    assert "Filling" not in demo.said()
    assert (filled_var / "staff-login.txt").read_text().split()[1] in demo.said()
    with demo.database() as database:
        assert database.execute("SELECT count(*) FROM catalog_item").fetchone() == (240,)


def test_feed_is_served(demo: DemoProcess) -> None:
    assert [demo.get(path) for path in ("/", "/healthz", "/readyz")] == [200, 200, 200]


def test_every_program_runs(demo: DemoProcess) -> None:
    for name in PROGRAMS:
        wait_until(lambda name=name: demo.program(name), f"a program {name}")


def test_secrets_are_for_their_owner_alone(filled_var: Path, demo: DemoProcess) -> None:
    for name in ("demo.env", "staff-login.txt"):
        assert stat.S_IMODE((filled_var / name).stat().st_mode) == 0o600


def test_servers_listen_on_unix_sockets_only(demo: DemoProcess) -> None:
    listening = {
        (process.environ()["SUPERVISOR_PROCESS_NAME"], connection.laddr.port)
        for process in demo.marked()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {("web", demo.port)}


def test_commands_by_hand_reach_the_running_demo(demo: DemoProcess) -> None:
    code = "from catalog.models import Item; print(Item.objects.count())"
    assert demo.manage("shell", "--verbosity", "0", "--command", code).strip() == "240"


def test_second_demo_in_the_same_folder_is_refused(demo: DemoProcess, filled_var: Path) -> None:
    finished = refused(filled_var)
    assert finished.code == 2
    assert f"A demo already runs in {filled_var} (http://127.0.0.1:{demo.port}/" in finished.output
    assert len(finished.output.splitlines()) == 1


def test_taken_port_is_named_with_a_way_out(demo: DemoProcess, folder: Path) -> None:
    finished = refused(folder / "var", port=demo.port)
    assert finished.code == 2
    assert f"Port {demo.port} cannot be used" in finished.output
    assert "make demo PORT=" in finished.output
    assert len(finished.output.splitlines()) == 1


@pytest.mark.parametrize("name", PROGRAMS)
def test_killed_program_comes_back_and_leaves_no_orphan(demo: DemoProcess, name: str) -> None:
    killed = wait_until(lambda: demo.program(name), f"a program {name}")
    children = killed.children(recursive=True)
    killed.kill()

    def back() -> bool:
        now = demo.program(name)
        return now is not None and now.pid != killed.pid

    wait_until(back, f"{name} again")
    wait_until(lambda: not any(child.is_running() for child in children), f"the end of the children of {name}")
    wait_until(lambda: demo.get("/") == 200 and demo.get("/readyz") == 200, "a site that serves")
    assert demo.process.poll() is None
