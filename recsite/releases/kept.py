"""A release ready to serve, as one process holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from recsite.funnel.catalogue import Catalogue
from recsite.funnel.funnel import Funnel, with_catalogue, with_stage
from recsite.funnel.item_facts import ItemFacts
from recsite.funnel.query import FunnelQuery
from recsite.releases.loading import LoadedRelease, ReleaseBroken
from retrieval.ids import UNKNOWN
from retrieval.index import NO_IDS, Index, ItemVectors
from retrieval.query_state import QueryState
from retrieval.stage import RetrievalStage

_WARMED_WITH = 20
"""So many things in the history of the reader that a new funnel is asked for first."""


@dataclass(frozen=True, eq=False)
class Kept:
    """funnel: of the release, the vectors that `loaded` has, and the newest catalogue.
    base: the index that changes are stacked on: that of training, or what `rebuilt` made of it since.
    """

    loaded: LoadedRelease
    funnel: Funnel
    base: Index

    @property
    def release_id(self) -> int:
        return self.loaded.id


def kept(loaded: LoadedRelease, catalogue: Catalogue, *, beside: Iterable[Kept] = ()) -> Kept:
    """beside: what is kept already; a stage that they share is not made again, nor an index that was built anew."""
    base = loaded.base.index
    for other in beside:
        if other.loaded.base is loaded.base:
            if _same(other.loaded.vectors, loaded.vectors):
                current = with_catalogue_of(other, catalogue)
                return replace(current, loaded=loaded, funnel=replace(current.funnel, ranker=loaded.ranker))
            base = other.base
    return _stacked(loaded, catalogue, base)


def with_catalogue_of(held: Kept, catalogue: Catalogue) -> Kept:
    """The same with this catalogue; itself where it has that already."""
    if held.funnel.catalogue is catalogue:
        return held
    if held.funnel.catalogue.facts is catalogue.facts:
        return replace(held, funnel=with_catalogue(held.funnel, catalogue))
    return _stacked(held.loaded, catalogue, held.base)


def with_vectors(held: Kept, vectors: ItemVectors) -> Kept:
    """The same with these vectors of new items; itself where it has just those already."""
    if _same(held.loaded.vectors, vectors):
        return held
    return _stacked(replace(held.loaded, vectors=vectors), held.funnel.catalogue, held.base)


def rebuilt(held: Kept) -> Kept:
    """The same with an index built anew, on which later changes are stacked; itself where changes have not made
    searches dearer yet (`Index.needs_rebuild`).

    Takes a minute for a million items, and their vectors once more in memory: not for a thread that answers requests.
    """
    if not held.funnel.stage.index.needs_rebuild:
        return held
    index = held.funnel.stage.index.rebuilt()
    return replace(held, funnel=with_stage(held.funnel, held.funnel.stage.with_index(index)), base=index)


def warm(held: Kept, *, now: datetime) -> None:
    """Ask it once, as somebody unknown and as somebody with a history: what is made when first needed is made now,
    and what cannot answer is found out before anybody depends on it.

    Raises ReleaseBroken where it answers with nothing that is a score, and whatever is wrong in it.
    """
    history = held.loaded.base.item_ids[:_WARMED_WITH]
    ages_s = np.arange(len(history), 0, -1).astype(np.float32)
    known = QueryState(at=now, history=history, history_kinds=("click",) * len(history), history_ages_s=ages_s)
    for state in (QueryState(at=now), known):
        ranked = held.funnel.ranked(FunnelQuery(state))
        if not np.isfinite(ranked.scores).all():
            raise ReleaseBroken(f"Release {held.release_id} scores items with NaN or infinity. Train another one.")


def _stacked(loaded: LoadedRelease, catalogue: Catalogue, base: Index) -> Kept:
    return Kept(loaded, Funnel.of(_stage(loaded, catalogue.facts, base), loaded.ranker, catalogue), base)


def _stage(loaded: LoadedRelease, facts: ItemFacts, base: Index) -> RetrievalStage:
    """Without the vectors of items that are hidden or deleted: they would take the places of others."""
    known, held, trained = facts.item_ids, base.base.items, loaded.base.index
    gone = np.setdiff1d(held.item_ids, known, assume_unique=True)
    new = loaded.vectors.take(np.isin(loaded.vectors.item_ids, known))
    if base is not trained:
        new = _back(trained.base.items, known, held).updated(new, NO_IDS).beyond(held)
    stage = loaded.base if base is trained else loaded.base.with_index(base)
    return stage.with_changes(new, gone) if len(new) or len(gone) else stage


def _back(trained: ItemVectors, known: np.ndarray, held: ItemVectors) -> ItemVectors:
    """Items of training that were hidden when `held` was built and are not any more."""
    return trained.take(np.isin(trained.item_ids, known) & (held.ids.idx_of(trained.item_ids) == UNKNOWN))


def _same(one: ItemVectors, other: ItemVectors) -> bool:
    return one is other or (np.array_equal(one.item_ids, other.item_ids) and np.array_equal(one.vectors, other.vectors))
