"""Who may ask the demo to end: a signal, or the end of whoever started it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import FrameType

from recsite.onemachine.tether import STOP_SIGNALS


class StopRequest:
    """Remembers that somebody asked for the end; asking again changes nothing.

    Signals only set a flag, which every waiting loop looks at: no step is torn apart in the middle and no second signal
    interrupts the clearing up. `with_parent` also takes the end of the parent process for a request.
    """

    def __init__(self, *, with_parent: bool = False) -> None:
        self._asked = False
        self._parent = os.getppid() if with_parent else None

    def listen(self) -> None:
        """From now on signals are requests; those that the tether held back arrive now."""
        for number in STOP_SIGNALS:
            # nohup has SIGHUP ignored, and means it.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def asked(self) -> bool:
        if self._parent is not None and not self._asked:
            self._asked = os.getppid() != self._parent or _holds_back_interrupt(self._parent)
        return self._asked

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True


def _holds_back_interrupt(process: int) -> bool:
    """Whether `process` blocks SIGINT. Can be told on Linux only; elsewhere False.

    make that alone gets a SIGINT (no terminal sends it so, but programs do) passes nothing on. It waits for its recipe
    with that signal blocked, which is how we notice.
    """
    status = Path(f"/proc/{process}/status")
    try:
        lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
    except OSError:
        return False
    return bool(int(lines.get("SigBlk", "0"), 16) & (1 << (signal.SIGINT - 1)))
