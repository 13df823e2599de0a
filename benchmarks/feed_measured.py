"""python -m benchmarks.feed_measured OPTIONS: the feed of a site of one size, in a process of its own.

Its last line is what was measured, as JSON. Its own process, because Django is set up once in each, and so that no
size finds anything of another.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import faiss

from benchmarks.feed_asking import ask
from benchmarks.feed_results import HttpMs, Memory, SizeMeasured
from benchmarks.report import progress
from benchmarks.services import running_site
from benchmarks.site_web import TRAINED_UNTIL, Web, forget_peak, own_mib, peak_mib, resident_mib, wait_until, web
from recsite.training.configs import retriever_config

if TYPE_CHECKING:
    from benchmarks.site_world import Site

AT_ONCE = 8
SETTLED_AFTER = 320
"""Pages, before anybody looks at memory."""


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("items", "readers", "pages", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    with running_site() as folder:
        # They import models, which must wait until Django is set up.
        world, feed = import_module("benchmarks.site_world"), import_module("benchmarks.feed_function")
        towers = retriever_config("full").towers
        site = world.make_site(arguments.items, arguments.readers, folder, towers=towers, seed=arguments.seed)
        function = feed.measure(site, arguments.pages)
        one, eight, memory = _over_http(site, folder, arguments.pages)
    print(json.dumps(asdict(SizeMeasured(arguments.items, towers.dim, function, one, eight, memory))))


def _over_http(site: Site, folder: Path, pages: int) -> tuple[HttpMs, HttpMs, Memory]:
    cookies = folder / "cookies"
    cookies.write_text("\n".join(site.cookies()))
    with web(folder) as running:
        ask(running.port, cookies, AT_ONCE, SETTLED_AFTER)
        resident = [resident_mib(pid) for pid in running.workers()]
        own = [own_mib(pid) for pid in running.workers()]
        one = HttpMs.of(ask(running.port, cookies, 1, pages))
        eight = HttpMs.of(ask(running.port, cookies, AT_ONCE, pages))
        peaks = _peaks_of_a_swap(site, running)
    memory = Memory(max(resident), max(own), max(peaks))
    progress(
        f"{site.num_items:,} items over HTTP: {one.p50:.1f} ms, {eight.pages_per_second:.0f} pages a second, "
        f"{memory.resident:.0f} MiB, {memory.peak:.0f} in a swap"
    )
    return one, eight, memory


def _peaks_of_a_swap(site: Site, running: Web) -> list[float]:
    """Of each process, while it goes over to the next release."""
    workers = running.workers()
    for pid in workers:
        forget_peak(pid)
    site.go_on()
    wait_until(running.all_say(TRAINED_UNTIL, site.next_one.retriever_until.timestamp()), "another release")
    return [peak_mib(pid) for pid in workers]


if __name__ == "__main__":
    main()
