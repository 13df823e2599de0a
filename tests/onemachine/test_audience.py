"""The made-up readers of a demo."""

from __future__ import annotations

from pathlib import Path

import psutil

from tests.onemachine.demo_process import DemoProcess, Finished, running
from tests.waiting import wait_until


def test_made_up_readers_come_and_go_as_staff_say_and_end_with_the_demo(filled_var: Path) -> None:
    with running(filled_var, environment={"AUDIENCE": "5"}) as demo:
        demo.wait_until_served()
        wait_until(lambda: audience(demo), "an audience")
        turn(demo, on=False)
        wait_until(lambda: not audience(demo), "no audience")
        turn(demo, on=True)
        wait_until(lambda: audience(demo), "an audience again")
        everything = demo.everything()
        demo.interrupt()
        assert demo.wait_until_ended(everything) == Finished(0, demo.said())


def audience(demo: DemoProcess) -> list[psutil.Process]:
    """What the keeper of the audience has started."""
    keeper = demo.program("audience")
    return keeper.children() if keeper else []


def turn(demo: DemoProcess, *, on: bool) -> None:
    code = f"audience_switch.turn(on={on}, by='test', reason='Trying.', now=clock.now())"
    demo.manage("shell", "--verbosity", "0", "--command", f"from recsite import audience_switch, clock; {code}")
