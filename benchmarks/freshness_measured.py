"""python -m benchmarks.freshness_measured OPTIONS: how soon changes arrive at a site of one size, in a process of its
own. Its last line is what was measured, as JSON."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import faiss

from benchmarks.feed_asking import ask, asking
from benchmarks.freshness_results import Pages, SizeMeasured, Waits, during
from benchmarks.report import ROOT, progress
from benchmarks.services import running_site
from benchmarks.site_web import ITEMS, TRAINED_UNTIL, Web, wait_until, web
from recsite.training.configs import retriever_config

if TYPE_CHECKING:
    from benchmarks.site_world import Site
    from recsite.models import Release

AT_ONCE = 2
WARM_UP_PAGES = 200
BETWEEN_S = 0.5


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("items", "readers", "pages", "rounds", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    with running_site() as folder:
        # It imports models, which must wait until Django is set up.
        world, towers = import_module("benchmarks.site_world"), retriever_config("full").towers
        site = world.make_site(arguments.items, arguments.readers, folder, towers=towers, seed=arguments.seed)
        cookies = folder / "cookies"
        cookies.write_text("\n".join(site.cookies()))
        with web(folder) as running, _worker(folder):
            measured = _measured(site, running, cookies, arguments.rounds, arguments.pages)
    print(json.dumps(asdict(measured)))


def _measured(site: Site, running: Web, cookies: Path, rounds: int, pages: int) -> SizeMeasured:
    ask(running.port, cookies, AT_ONCE, WARM_UP_PAGES)
    usual = Pages.of([ms for _, ms in ask(running.port, cookies, AT_ONCE, pages)])
    promoted, rolled_back = [], []
    spans: list[tuple[float, float]] = []
    with asking(running.port, cookies, AT_ONCE) as under_way:
        for _ in range(rounds):
            promoted.append(_timed(site.go_on, running, site.next_one, spans))
            rolled_back.append(_timed(site.go_back, running, site.live, spans))
    published = [_published(site, running, number) for number in range(1, rounds + 1)]
    swapping = Pages.of(during(under_way.pages, spans))
    measured = SizeMeasured(
        site.num_items, Waits.of(promoted), Waits.of(rolled_back), Waits.of(published), usual, swapping
    )
    progress(
        f"{site.num_items:,} items: promoted in {measured.promoted.longest:.1f} s, rolled back in "
        f"{measured.rolled_back.longest:.1f} s, published in {measured.published.longest:.1f} s, p99 while swapping "
        f"{measured.p99_ratio:.1f} times the usual"
    )
    return measured


def _timed(change: Callable[[], None], running: Web, release: Release, spans: list[tuple[float, float]]) -> float:
    """Seconds until every process serves with this release."""
    begun = time.monotonic()
    change()
    wait_until(running.all_say(TRAINED_UNTIL, release.retriever_until.timestamp()), f"{release} in every process")
    spans.append((begun, time.monotonic()))
    time.sleep(BETWEEN_S)
    return spans[-1][1] - begun


def _published(site: Site, running: Web, number: int) -> float:
    """Seconds until every process can find one more item."""
    begun = time.monotonic()
    site.publish(number)
    wait_until(running.all_say(ITEMS, site.num_items + number), "a new item in every index")
    return time.monotonic() - begun


@contextmanager
def _worker(folder: Path) -> Iterator[None]:
    """A Celery worker on the default queue, as a site has at least one."""
    command = ["-m", "celery", "-A", "recsite.celery", "worker", "--queues", "default", "--concurrency", "1"]
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command, "--without-mingle", "--without-gossip"],
            cwd=ROOT,
            env=os.environ,
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


if __name__ == "__main__":
    main()
