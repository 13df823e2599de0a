"""Imported by the demo's workers (`celery worker --include`): their pool ends with them.

A worker that was killed with SIGKILL leaves the processes of its pool behind, blocked for ever on a pipe that nobody
writes to.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from celery import signals

from recsite.onemachine.tether import end_with_parent

_WORKER = os.getpid()
"""Who imports this: the worker, before it forks its pool."""


@signals.worker_process_init.connect
def end_with_worker(**_kwargs: Any) -> None:
    end_with_parent(signal.SIGKILL)
    if os.getppid() != _WORKER:
        # It died before the kernel was asked, so no signal will come.
        os.kill(os.getpid(), signal.SIGKILL)
