"""A control without feedback: orders by the labels of several arms, all fitted on one log and judged by the truth.

What arms learn differs by their labels, and by what they had shown before. Here only the labels differ.
Needs Django to be set up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from benchmarks.loop_arms import ARMS
from benchmarks.loop_measures import FIRST
from benchmarks.loop_site import ArmSite, day_of
from benchmarks.loop_sources import Unshown
from benchmarks.loop_training import train_order
from feedback.models import Slate
from feedback.surfaces import Surface
from feedback.uuid7 import first_uuid7
from ranking.order import best_first
from recsite.training.examples import read_history

LABELS = ("c0", "c1", "d0", "d", "h", "i", "s")


@dataclass(frozen=True, eq=False)
class FirstPage:
    """What there was to choose from. features: (n, columns) float32.  utilities: (n,) float64, true ones."""

    features: np.ndarray
    utilities: np.ndarray


def control(
    site: ArmSite, unshown: Unshown, last: Unshown, *, since: datetime, now: datetime, until: datetime
) -> dict[str, float]:
    """Mean true utility of the first ten of each first page of [now, until), by the labels of an order that was fitted
    on what happened in [since, now).

    unshown: of the pages before now.  last: all candidates of the pages from then on.
    """
    pages = list(first_pages(site, last, since=now, until=until))
    history = read_history(now=now)
    found = {}
    for key in LABELS:
        order = train_order(ARMS[key], history, unshown, seed=site.truth.seed, since=since, now=now).order
        tops = (page.utilities[best_first(order.scores(page.features))[:FIRST]] for page in pages)
        found[key] = float(np.mean([top.mean() for top in tops]))
    return found


def first_pages(site: ArmSite, last: Unshown, *, since: datetime, until: datetime) -> Iterator[FirstPage]:
    """Of the home feed, those whose candidates were kept."""
    slates = Slate.objects.filter(
        id__gte=first_uuid7(since), id__lt=first_uuid7(until), surface=Surface.HOME, first_position=0
    )
    readers = site.reader_of()
    for served_at, public_id in slates.order_by("pk").values_list("served_at", "reader_public_id"):
        kept = last.of_page.get(round(served_at.timestamp() * 1e6))
        if kept is None or public_id not in readers or len(kept[0]) < FIRST:
            continue
        ids, features = kept
        utilities = site.truth.utilities(readers[public_id], day_of(served_at))
        yield FirstPage(features, utilities[site.truth.rows(ids)])
