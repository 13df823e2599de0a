"""gunicorn reads this file by itself when started in the project's folder; the command line has the last word."""

from __future__ import annotations

import gc
from typing import Any

worker_class = "gthread"
workers = 2
threads = 4
graceful_timeout = 3
# Cursors of a long scroll are long.
limit_request_line = 8190
# Two workers share the machine with training; a numeric library that starts a thread a core would starve both.
raw_env = ["OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1"]


def on_starting(_server: Any) -> None:
    """Before there is a thread, also in the master, whose settings workers inherit."""
    from recsite.memory import keep_few_heaps

    keep_few_heaps()


def pre_fork(_server: Any, _worker: Any) -> None:
    """What is loaded already, workers share: a collection in one of them would write into each object's header, and so
    into every page. 14 of 326 MiB a worker."""
    gc.collect()
    gc.freeze()


def post_worker_init(_worker: Any) -> None:
    """Load the live release before the first request comes; after that a thread keeps it up to date."""
    from django.db import connection

    from recsite import clock
    from recsite.releases.live import shelf

    shelf().refresh(now=clock.now())
    connection.close()  # back to the pool: this thread serves no request
    shelf().ensure_watching()


def child_exit(_server: Any, worker: Any) -> None:
    """Let the metrics of a worker that ended be merged into the totals."""
    from prometheus_client import values
    from prometheus_client.multiprocess import mark_process_dead

    if values.ValueClass.__name__ == "MmapedValue" or worker.cfg.env.get("PROMETHEUS_MULTIPROC_DIR"):
        mark_process_dead(worker.pid)
