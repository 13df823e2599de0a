"""What the first items of a release are like as a whole: how much of the catalogue they show, how alike readers' are.

Of readers drawn among all who chose something shortly before the gate's window. Those who come back within it are no
sample of them: a dozen who share one passion are alike under every good release.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa

from recsite.funnel.query import FunnelQuery
from recsite.training.asking import FunnelAt, query_of
from recsite.training.gate import Shape
from retrieval.ids import IdMap
from retrieval.metrics import NOTHING, catalogue_coverage, overlap

READERS = 200
FIRST = 10


def measure_shape(funnel_at: FunnelAt, lately: pa.Table, at: datetime, *, seed: int = 0) -> Shape:
    """Of the first 10 items of up to `READERS` readers, drawn by `seed`: the same for every funnel.

    lately: `examples.POSITIVES`, by reader and time, from before `at`; at least one. A single reader overlaps with
    nobody, which is 0.
    """
    funnel = funnel_at(at.timestamp())
    ids = IdMap(funnel.catalogue.facts.item_ids)
    lists = [funnel.ranked(query).item_ids()[:FIRST] for query in _queries(lately, at, seed)]
    table = np.full((len(lists), FIRST), NOTHING, np.int64)
    for row, items in zip(table, lists, strict=True):
        row[: len(items)] = ids.idx_of(items)
    alike = overlap(table, FIRST) if len(table) > 1 else 0.0
    return Shape(coverage=catalogue_coverage(table, FIRST, num_items=len(ids)), overlap=alike)


def _queries(lately: pa.Table, at: datetime, seed: int) -> Iterator[FunnelQuery]:
    """Readers at `at`, in the state in which they made their last choice."""
    readers = lately["reader_id"].to_numpy()
    last = np.flatnonzero(np.diff(readers, append=-1))
    drawn = np.random.default_rng(seed).permutation(last)[:READERS]
    for row in np.sort(drawn):
        query = query_of(lately, int(row))
        since_s = np.float32((at - query.state.at).total_seconds())
        yield replace(query, state=replace(query.state, at=at, history_ages_s=query.state.history_ages_s + since_s))
