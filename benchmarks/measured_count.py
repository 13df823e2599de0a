"""python -m benchmarks.measured_count: count the log until nothing is left to count, and again at once.

Its last line says what that took. Its own process, because the peak of a process's memory never falls again.
"""

from __future__ import annotations

import importlib
import json
import time

import django

from benchmarks.measured_import import peak_rss_mb
from benchmarks.report import progress


def main() -> None:
    django.setup()
    job, clock = importlib.import_module("recsite.counting.job"), importlib.import_module("recsite.clock")
    begun = time.perf_counter()
    while not (counted := job.count_log(now=clock.now())).is_complete:
        progress(f"  {counted.days} days; the next run goes on")
    seconds, peak = time.perf_counter() - begun, peak_rss_mb()
    begun = time.perf_counter()
    job.count_log(now=clock.now())
    again = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "again_seconds": again, "peak_rss_mb": peak}))


if __name__ == "__main__":
    main()
