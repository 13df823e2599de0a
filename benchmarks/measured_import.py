"""python -m benchmarks.measured_import FILE: one import in a process of its own; the last line says what it took.

Its own process, because the peak of a process's memory never falls again.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import django
from django.core.management import call_command

_STATUS = Path("/proc/self/status")


def peak_rss_mb() -> float:
    """The most memory this process has held at once, in MiB.

    Read from /proc where there is one: getrusage also counts what the parent held before this program was started.
    """
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # bytes on macOS


def main() -> None:
    django.setup()
    begun = time.perf_counter()
    call_command("import_catalog", sys.argv[1], format="jsonl", max_rejects=0, stdout=sys.stderr)
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "peak_rss_mb": peak_rss_mb()}))


if __name__ == "__main__":
    main()
