"""python -m benchmarks NAME [--json] [--small]: run one benchmark.

Exit codes: 0 every goal met, 1 a goal missed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

BENCHMARKS: dict[str, str] = {
    "ingest": "events through the function and over HTTP against a bare COPY; what recording a slate costs",
    "catalogue_import": "import_catalog against a bare COPY of the same rows: rows per second, peak memory, ratio",
    "feed": "one page of the feed through the function and over HTTP, beside the bare calls; memory of a web process",
    "staff_pages": "every staff page beside five million impressions; what counting the log for them takes",
    "freshness": "how soon every process serves another release, a release brought back, a new item; p99 meanwhile",
    "index": "the nearest items among up to a million vectors: build, bytes, recall, time, beside a bare FAISS call",
    "retrieval_quality": "the two towers beside popularity, item-kNN, iALS, BPR, EASE and co-visitation on real data",
    "ranking_quality": "the whole funnel beside its sources, their fusion and peers on real data; where items are lost",
    "ranking_speed": "features, score and slate against bare prediction; what first passes, caps and MMR lose and gain",
    "negatives": "every loss and choice of negatives at 16, 64 and 512, tuned alike, at equal examples and equal time",
    "encoders": "mean pooling of a history beside self-attention; what a query vector loses in 1, 6 and 24 hours",
    "training_speed": "steps of the two towers beside a bare torch loop; that memory does not grow with the log",
    "loop": "what learning from what was seen and not chosen does to a feed, arm by arm, in a world of known tastes",
    "examples": "labelled visits out of the log: impressions per second, and that memory does not grow with the log",
}
"""Names are modules of this package that have `add_arguments(parser)` and `run(arguments) -> Report`."""


def main(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(_overview())
        return 0
    name, *options = arguments
    if name not in BENCHMARKS:
        print(f"There is no benchmark {name!r}.\n\n{_overview()}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"benchmarks.{name}")
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks {name}", description=BENCHMARKS[name])
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object in the last line")
    parser.add_argument("--small", action="store_true", help="small sizes, under two minutes")
    module.add_arguments(parser)
    parsed = parser.parse_args(options)
    report = module.run(parsed)
    print(report.text())
    if parsed.json:
        print(report.json_line())
    return 0 if report.met else 1


def _overview() -> str:
    width = max(map(len, BENCHMARKS))
    names = "\n".join(f"  {name.ljust(width)}  {what}" for name, what in BENCHMARKS.items())
    return f"usage: python -m benchmarks NAME [--json] [--small] [-h]\n\n{names}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
