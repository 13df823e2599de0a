"""Start a program that does not outlive whoever started it.

    python -I -S tether.py [--signal TERM] [--parent PID] [--account UID:GID] [--adopt] [--hold-signals] -- PROGRAM ...

The process becomes PROGRAM, under the same process id, and gets SIGNAL when its parent dies. With --parent (a process
id, or a file that holds one) it ends at once if that is not its parent: the parent died before the kernel was asked,
and no signal will ever come. With --account it first
becomes that account: in this order, because Linux forgets the signal when a process changes its account. With --adopt
its orphaned descendants become its own children instead of init's, so that somebody ends and reaps them. With
--hold-signals a request to stop waits until PROGRAM is ready to hear it.

Runs as a script, on the standard library alone: it is in the way of every program's start.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # pathlib alone would double the time this script takes
    from pathlib import Path

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def end_with_parent(death_signal: signal.Signals) -> None:
    """Ask the kernel to send us `death_signal` when our parent dies. Only Linux can; elsewhere this does nothing."""
    _prctl(_PR_SET_PDEATHSIG, int(death_signal))


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies. Only Linux can; elsewhere this does nothing."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def tethered(
    command: list[str],
    *,
    death_signal: signal.Signals,
    parent_file: Path | None = None,
    account: tuple[int, int] | None = None,
    adopt: bool = False,
) -> list[str]:
    """The command line that runs `command` on a tether; `account` is (uid, gid).

    `parent_file` holds the process id of who will start it. Without it that is to be this process.
    """
    options = ["--signal", death_signal.name.removeprefix("SIG"), "--parent", str(parent_file or os.getpid())]
    if account is not None:
        options += ["--account", f"{account[0]}:{account[1]}"]
    if adopt:
        options.append("--adopt")
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), *options, "--", *command]


def _become(account: str) -> None:
    uid, gid = (int(number) for number in account.split(":"))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _process_id(given: str) -> str:
    """`given`, or what the file of that name holds; nothing where there is none."""
    if given.isdecimal():
        return given
    try:
        with open(given) as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent")
    parser.add_argument("--signal", default="TERM")
    parser.add_argument("--account")
    parser.add_argument("--adopt", action="store_true")
    parser.add_argument("--hold-signals", action="store_true")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if options.hold_signals:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    # The other account may not be able to read the file.
    parent = None if options.parent is None else _process_id(options.parent)
    if options.account:
        _become(options.account)
    end_with_parent(signal.Signals[f"SIG{options.signal}"])
    if parent is not None and parent != str(os.getppid()):
        return
    if options.adopt:
        adopt_orphans()
    os.execvp(options.command[0], options.command)


if __name__ == "__main__":
    main()
