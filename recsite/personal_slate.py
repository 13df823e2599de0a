"""A release's page as the site sends and logs it: entries with their sources and reasons, candidates, features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from feedback.slates import Candidates, Named, Pool
from feedback.surfaces import Surface
from ranking.propensity import Branch
from ranking.reasons import Reason, ReasonFinder
from ranking.slate import SlateSlot
from recsite.filters import kept_out
from recsite.personal_page import Page, without
from recsite.pins import PINNED
from recsite.reader_state import ReaderState
from recsite.slates import Policy, Slate, SlateEntry
from retrieval.union import NOT_NAMED, Union

POLICY, POLICY_VERSION = "funnel", "1"
OUTSIDE = "outside"
"""Stands for a source where none named the item."""


def slate_of(page: Page, *, release: int, fallback: str | None) -> Slate:
    """fallback: why it is not the release that should have served."""
    drawn, asked = page.drawn, page.asked
    union = without(page.named, page.removed)
    return Slate(
        entries=tuple(_entries(page, union)),
        is_end=drawn.is_end,
        surface=Surface.HOME,
        policy=Policy(
            POLICY, POLICY_VERSION, {**drawn.parameters, "languages": sorted(asked.state.languages)}, fallback
        ),
        candidates=_candidates(page, union),
        kept_out=kept_out_counts(asked.state, asked.shown),
        counts_as_of=page.funnel.catalogue.counts_as_of,
        release=release,
        seed=drawn.seed,
        feature_set=page.funnel.ranker.feature_set.id,
        features=page.slot_features().tobytes(),
    )


def kept_out_counts(state: ReaderState, shown: Sequence[int]) -> dict[str, int]:
    """How many items the sources were told to pass over; each under the first reason that holds."""
    counts: dict[str, int] = {}
    counted: set[int] = set()
    for reason, item_ids in (*kept_out(state, shown), ("chosen", state.chosen)):
        new = set(item_ids) - counted
        counts[reason] = len(new)
        counted |= new
    return counts


def reasons(page: Page, item_ids: Sequence[int], branches: Sequence[Branch | None]) -> list[Reason]:
    """Why these items are here, by the ranks that sources gave them: what features added costs more than a page may."""
    funnel = page.funnel
    finder = ReasonFinder(
        page.request, funnel.prepared.table, funnel.catalogue.popular_topics, funnel.ranker.feature_set
    )
    return finder.reasons(item_ids, branches)


def _entries(page: Page, union: Union) -> Iterator[SlateEntry]:
    slots = page.drawn.slots
    why = reasons(page, [slot.item_id for slot in slots], [slot.branch for slot in slots])
    row_of = {item_id: row for row, item_id in enumerate(union.item_ids.tolist())}
    for index, (slot, reason) in enumerate(zip(slots, why, strict=True)):
        named = tuple(
            Named(source, _known(score), rank)
            for source, score, rank in (union.named_by(row_of[slot.item_id]) if slot.item_id in row_of else ())
        )
        yield _entry(slot, page.drawn.first_position + index, named, reason)


def _entry(slot: SlateSlot, position: int, named: tuple[Named, ...], reason: Reason) -> SlateEntry:
    return SlateEntry(
        item_id=slot.item_id,
        position=position,
        source=min(named, key=lambda one: one.rank).source if named else _unnamed(slot),
        named_by=named,
        branch=int(slot.branch),
        score=slot.score,
        greedy_item_id=slot.greedy_item_id,
        propensity=slot.propensity,
        reason=reason,
    )


def _unnamed(slot: SlateSlot) -> str:
    return PINNED if slot.branch == Branch.PINNED else OUTSIDE


def _known(score: float) -> float | None:
    return None if np.isnan(score) else score


def _candidates(page: Page, union: Union) -> Candidates:
    """In scored order."""
    ranked, pool = page.drawn.ranked, page.drawn.pool
    return Candidates(
        item_ids=tuple(ranked.item_ids.tolist()),
        scores=tuple(ranked.scores.tolist()),
        named_by=_named_by(union, ranked.item_ids),
        removed=tuple(page.removed.items()),
        pool=None
        if pool is None
        else Pool(
            pool.item_ids,
            pool.scores,
            pool.cap_keys,
            outside_size=pool.outside_size,
            outside_rule=pool.outside_rule,
        ),
    )


def _named_by(union: Union, item_ids: np.ndarray) -> tuple[frozenset[str], ...]:
    """Sources of each item. Many items have the same ones: each set is made once."""
    order = np.argsort(union.item_ids)
    rows = order[np.searchsorted(union.item_ids, item_ids, sorter=order)]
    bits = (union.ranks[rows] != NOT_NAMED) @ (1 << np.arange(len(union.sources)))
    patterns, places = np.unique(bits, return_inverse=True)
    sets = [
        frozenset(source for bit, source in enumerate(union.sources) if pattern >> bit & 1)
        for pattern in patterns.tolist()
    ]
    return tuple(sets[place] for place in places.tolist())
