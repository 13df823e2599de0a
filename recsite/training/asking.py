"""Positives as questions: the funnel is asked what it would have been asked at each one's moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ranking.artefact import RankerArtefact
from recsite.funnel.as_of import HistoryCatalogues
from recsite.funnel.funnel import Funnel, Ranked, with_catalogue
from recsite.funnel.query import FunnelQuery
from recsite.training.sampling import drawn_of_each
from retrieval.query_state import QueryState
from retrieval.stage import RetrievalStage

FunnelAt = Callable[[float], Funnel]
"""The funnel as it would have stood at a moment, seconds since 1970 UTC."""


@dataclass(frozen=True, eq=False)
class Asked:
    """One moment of one reader. targets: (n,) int64 item ids that the reader chose then, none of them in the history.
    unprompted: (n,) bool, chosen without the feed having proposed it."""

    reader_id: int
    at_s: float
    query: FunnelQuery
    targets: np.ndarray
    unprompted: np.ndarray


class FunnelInTime:
    """A stage and a ranker that stay, beside what was known of items as time went on. Ask in order of time: only the
    funnel of the newest day is kept."""

    def __init__(self, stage: RetrievalStage, ranker: RankerArtefact, catalogues: HistoryCatalogues) -> None:
        self._stage, self._ranker, self._catalogues = stage, ranker, catalogues
        self._funnel: Funnel | None = None

    def __call__(self, at_s: float) -> Funnel:
        catalogue = self._catalogues.at(at_s)
        if self._funnel is None:
            self._funnel = Funnel.of(self._stage, self._ranker, catalogue)
        elif self._funnel.catalogue is not catalogue:
            self._funnel = with_catalogue(self._funnel, catalogue)
        return self._funnel


def ask(funnel_at: FunnelAt, positives: pa.Table) -> Iterator[tuple[Asked, Funnel, Ranked]]:
    """Each question with the funnel of its moment and what that said, in order of time.

    Only what was out before the moment is asked for. Imports without dates give items the time of their first choice:
    an age of nothing, which no other candidate has, would tell the answer.
    """
    for one in asked(positives):
        funnel = funnel_at(one.at_s)
        was_out = funnel.catalogue.is_out(one.targets, np.nextafter(one.at_s, -np.inf))
        if was_out.any():
            left = replace(one, targets=one.targets[was_out], unprompted=one.unprompted[was_out])
            yield left, funnel, funnel.ranked(one.query)


def asked(positives: pa.Table) -> Iterator[Asked]:
    """In order of time. What a reader chose in one moment is one question; what was in the history already is none.

    positives: of `recsite.training.examples.POSITIVES`. History items are excluded, as serving excludes what a reader
    has opened or refused. Nobody knows what was viewed and not chosen, so no views are asked with.
    """
    if not len(positives):
        return
    order = pc.sort_indices(positives, [("state_at", "ascending"), ("reader_id", "ascending")])
    positives = positives.take(order)
    readers = positives["reader_id"].to_numpy()
    moments_us = pc.cast(positives["state_at"], pa.int64()).to_numpy()
    items, unprompted = positives["item_id"].to_numpy(), positives["unprompted"].to_numpy()
    begins = np.concatenate([[True], (np.diff(readers) != 0) | (np.diff(moments_us) != 0)])
    starts = np.flatnonzero(begins)
    for start, end in zip(starts, np.append(starts[1:], len(positives)), strict=True):
        query = query_of(positives, int(start))
        new = ~np.isin(items[start:end], query.state.history)
        if new.any():
            at_s = float(moments_us[start]) / 1e6
            yield Asked(int(readers[start]), at_s, query, items[start:end][new], unprompted[start:end][new])


def query_of(positives: pa.Table, row: int) -> FunnelQuery:
    """One row as the question that it is."""
    said = positives.slice(row, 1)
    history = _values(said, "history").to_numpy(zero_copy_only=False).astype(np.int64)
    state = QueryState(
        at=_moment(said),
        history=history,
        history_kinds=tuple(_values(said, "history_kinds").to_pylist()),
        history_ages_s=_values(said, "history_ages_s").to_numpy(zero_copy_only=False).astype(np.float32),
        searches=tuple(_values(said, "searches").to_pylist()),
        topics=tuple(_values(said, "topics").to_pylist()),
        authors=tuple(_values(said, "authors").to_pylist()),
        languages=tuple(_values(said, "languages").to_pylist()),
        country=said["country"][0].as_py() or "",
        attributes=MappingProxyType(_attributes(_values(said, "attributes").to_pylist())),
    )
    return FunnelQuery(state, exclude=np.unique(history), first_seen_s=said["first_seen_s"][0].as_py())


def _values(said: pa.Table, name: str) -> pa.Array:
    """Of the one list in that column."""
    found = said[name].chunk(0)[0].values
    return pa.array([], said.schema.field(name).type.value_type) if found is None else found


def _attributes(texts: list[str]) -> dict[str, str]:
    """What `retrieval.features.attribute_texts` wrote."""
    return dict(text.split("=", 1) for text in texts)


def _moment(said: pa.Table) -> datetime:
    moment: datetime = said["state_at"][0].as_py()
    return moment


def of_drawn_readers(positives: pa.Table, most: int, *, seed: int) -> pa.Table:
    """All rows of so many readers, drawn at random, as have at most `most` together: whole readers, or the same
    person's taste would be both in and out. At least one reader's."""
    readers, counts = np.unique(positives["reader_id"].to_numpy(), return_counts=True)
    order = np.random.default_rng(seed).permutation(len(readers))
    fits = np.cumsum(counts[order]) <= most
    fits[:1] = True
    return positives.filter(pc.is_in(positives["reader_id"], pa.array(readers[order][fits])))


def of_drawn_moments(positives: pa.Table, most: int, *, seed: int) -> pa.Table:
    """All rows of about `most` moments, drawn at random, of as many readers as there are: of those who chose at many
    moments fewer. Where everybody counts the same, that tells the most."""
    moments_us = pc.cast(positives["state_at"], pa.int64()).to_numpy()
    keys = np.stack([positives["reader_id"].to_numpy(), moments_us], axis=1)
    moments, of_row = np.unique(keys, axis=0, return_inverse=True)
    return positives.filter(pa.array(drawn_of_each(moments[:, 0], most, seed=seed)[of_row.ravel()]))
