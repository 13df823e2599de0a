"""python -m benchmarks.measured_examples visits|positives SINCE UNTIL: one stream of examples in a process of its own.

Its last line says what it took. Its own process, because the peak of a process's memory never falls again.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from datetime import datetime

import django

from benchmarks.measured_import import peak_rss_mb

_STREAMS = {"visits": "labelled_visits", "positives": "retriever_positives"}


def main() -> None:
    django.setup()
    stream = getattr(importlib.import_module("feedback.examples"), _STREAMS[sys.argv[1]])  # its models wait for setup
    since, until = map(datetime.fromisoformat, sys.argv[2:])
    rows = 0
    begun = time.perf_counter()
    for table in stream(since=since, until=until):
        rows += len(table)
    seconds = time.perf_counter() - begun
    print(json.dumps({"rows": rows, "seconds": seconds, "peak_rss_mb": peak_rss_mb()}))


if __name__ == "__main__":
    main()
