"""Pages of the feed through the function that the site calls, beside the bare calls. Needs Django to be set up."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

from benchmarks.feed_bare import MILLISECONDS, PARTS, Bare, BareParts, bare_table, mean_slate_bytes
from benchmarks.feed_results import FunctionMs
from benchmarks.report import progress
from benchmarks.site_world import Site
from catalog.models import Reader
from recsite import clock
from recsite.feed import FeedPage, next_page
from recsite.personal_page import Page
from recsite.reader_state import read_state
from recsite.releases.live import forget, shelf
from recsite.serving import recommend
from recsite.viewers import Viewer

CARDS = 24
COLUMNS = 3
WARM_UP = 20
EVERYTHING: frozenset[str] = frozenset()


def measure(site: Site, pages: int) -> FunctionMs:
    """Readers in turn; function and bare calls change places with every page, so that both meet the same machine."""
    shelf().refresh(now=clock.now())
    readers = list(Reader.objects.filter(public_id__in=site.readers).order_by("pk"))
    for number in range(WARM_UP):
        _require_release(served(readers[number % len(readers)]), site)
    made = [_made(reader) for reader in readers]
    slate_bytes = mean_slate_bytes()
    with bare_table() as session:
        bare = Bare(made[0], session, slate_bytes)
        parts = [bare.parts(page) for page in made]
        for each in parts[:WARM_UP]:
            each.timed_ms()
        function_ms, bare_ms = _in_turns(readers, parts, pages)
    candidates = statistics.mean(len(page.candidates.item_ids) for page in made)
    forget()
    measured = FunctionMs.of(function_ms, bare_ms, PARTS, candidates=candidates, slate_bytes=slate_bytes)
    progress(
        f"{site.num_items:,} items, function: {measured.p50:.1f} ms, bare calls {measured.bare_p50:.1f} ms, "
        f"ratio {measured.ratio:.2f}"
    )
    return measured


def served(reader: Reader) -> FeedPage:
    """The first page for a reader, recorded, as the front page asks for it."""
    viewer = Viewer(public_id=reader.public_id, reader=reader, languages=EVERYTHING, columns=COLUMNS)
    return next_page(viewer=viewer, cursor="", now=clock.now(), limit=CARDS)


def _in_turns(readers: list[Reader], parts: list[BareParts], pages: int) -> tuple[list[float], list[list[float]]]:
    function_ms: list[float] = []
    bare_ms: list[list[float]] = []
    for number in range(pages):
        reader, bare = readers[number % len(readers)], parts[number % len(readers)]
        if number % 2:
            bare_ms.append(bare.timed_ms())
        function_ms.append(_ms(partial(served, reader)))
        if not number % 2:
            bare_ms.append(bare.timed_ms())
    return function_ms, bare_ms


def _ms(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * MILLISECONDS


def _made(reader: Reader) -> Page:
    now = clock.now()
    serving = shelf().current()
    if serving is None:
        raise RuntimeError(f"There is no release to ask: {shelf().trouble or 'none is live'}.")
    return recommend(
        state=read_state(reader=reader, languages=EVERYTHING, now=now), serving=serving, now=now, limit=CARDS
    )


def _require_release(page: FeedPage, site: Site) -> None:
    slate = page.slate
    if slate.release != site.live.pk or len(slate.entries) != CARDS or slate.id is None:
        raise RuntimeError(
            f"A page of {len(slate.entries)} cards by release {slate.release} ({slate.policy.fallback}), recorded as "
            f"{slate.id}: this measures something else."
        )
