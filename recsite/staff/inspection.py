"""The funnel as it would run now for one reader, with every item's way through it. Nothing is recorded.

The stages and what they count: sources (what each named), union (every item once), filters (what is left), order
(those, the best first), slate. So `len(named) == len(removed_named) + len(order)` holds for every run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from django.conf import settings

from ranking.explanation import Move, moves_of
from ranking.exploration import ExplorationConfig, Outside
from ranking.order import RetrievalOrder, best_first
from ranking.page import Page as FillingPage
from ranking.propensity import Branch
from ranking.reasons import Reason
from ranking.slate_config import SlateConfig
from recsite.pages.home import PAGE_SIZE
from recsite.personal_page import Page, outside_of
from recsite.personal_slate import kept_out_counts, reasons
from recsite.reader_state import ReaderState
from recsite.releases.live import Serving
from recsite.serving import recommend
from retrieval.stage import PERSONAL_SOURCES
from retrieval.union import NOT_NAMED, FusionConfig, fuse

OF_THE_READER = frozenset((*PERSONAL_SOURCES, "followed"))
"""Sources that look at who asks; the others name the same items to everybody."""


@dataclass(frozen=True)
class SourceRun:
    """What one source named. item_ids: the best first.  scores: parallel, None where it has none.

    alone: how many of them no other source named.  on_slate: how many came through to the page.
    """

    name: str
    item_ids: tuple[int, ...]
    scores: tuple[float | None, ...]
    alone: int
    on_slate: int

    @property
    def title(self) -> str:
        return self.name.replace("_", " ")

    @property
    def is_of_the_reader(self) -> bool:
        return self.name in OF_THE_READER


@dataclass(frozen=True)
class Way:
    """Of one item. named_by: (source, its place there from 0), in the order of the sources.

    removed: by which filter.  by_fusion, by_score: places from 0 among all that the filters left; None where it was
    removed.  position: on the page; None where it is not on it.
    """

    item_id: int
    named_by: tuple[tuple[str, int], ...]
    removed: str | None = None
    by_fusion: int | None = None
    by_score: int | None = None
    score: float | None = None
    position: int | None = None


@dataclass(frozen=True)
class Slot:
    """One place of the page. way: None for what was put here by hand and is no candidate.

    moves: what moved it from its place by score to this one.
    """

    position: int
    item_id: int
    way: Way | None
    branch: Branch
    reason: Reason
    moves: tuple[Move, ...]


@dataclass(frozen=True)
class Chance:
    """What exploration would leave of a slot, the slots above it being those of the page.

    stays: probability that the page's item stands here all the same; None for a place that is never drawn.
    of_pool, of_outside: that the slot draws from the pool, and from items that no source named.
    """

    position: int
    item_id: int
    stays: float | None
    of_pool: float
    of_outside: float


@dataclass(frozen=True)
class Exploration:
    """pool: candidates that an exploring first slot may draw, with the probability that each is shown there.

    outside_size: how many items that no source named may be drawn.
    """

    share: float
    slots: tuple[Chance, ...]
    pool: tuple[tuple[int, float], ...]
    outside_size: int
    outside_rule: str


@dataclass(frozen=True, eq=False)
class Inspection:
    """One run. release_id: of the release that was asked.  page: all that it made."""

    release_id: int
    state: ReaderState
    page: Page

    @cached_property
    def kept_out(self) -> dict[str, int]:
        """How many items the sources were told to pass over, by reason."""
        counts = kept_out_counts(self.state, self.page.asked.shown)
        return {reason: count for reason, count in counts.items() if count}

    @cached_property
    def sources(self) -> tuple[SourceRun, ...]:
        named, on_slate = self.page.named, set(self.page.drawn.item_ids)
        is_named = named.ranks != NOT_NAMED
        is_alone = is_named.sum(axis=1) == 1
        runs = []
        for column, name in enumerate(named.sources):
            rows = np.flatnonzero(is_named[:, column])
            rows = rows[np.argsort(named.ranks[rows, column], kind="stable")]
            item_ids = tuple(named.item_ids[rows].tolist())
            scores = tuple(None if np.isnan(score) else score for score in named.scores[rows, column].tolist())
            alone = int(is_alone[rows].sum())
            runs.append(SourceRun(name, item_ids, scores, alone, len(on_slate.intersection(item_ids))))
        return tuple(runs)

    @cached_property
    def removed(self) -> Mapping[int, str]:
        """By what filter, of all that was named; by fusion the best first."""
        removed = self.page.removed
        order = fuse(self.page.named, FusionConfig()).item_ids.tolist()
        return {item_id: removed[item_id] for item_id in order if item_id in removed}

    @cached_property
    def removed_by_reason(self) -> dict[str, tuple[int, ...]]:
        by_reason: dict[str, list[int]] = {}
        for item_id, reason in self.removed.items():
            by_reason.setdefault(reason, []).append(item_id)
        return {reason: tuple(by_reason[reason]) for reason in sorted(by_reason)}

    @cached_property
    def order(self) -> tuple[int, ...]:
        """All that the filters left, the highest score first."""
        return tuple(self._left[best_first(self._left_scores)].tolist())

    @cached_property
    def fusion_order(self) -> tuple[int, ...]:
        """The same items as the sources together would order them: what ranking began with."""
        fusion = RetrievalOrder(self.page.funnel.ranker.feature_set).scores(self.page.features[self._left_rows])
        return tuple(self._left[best_first(fusion)].tolist())

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        drawn = self.page.drawn
        why = reasons(self.page, drawn.item_ids, [slot.branch for slot in drawn.slots])
        page = self.page
        moves = moves_of(drawn.item_ids, candidates=page.candidates, slate=drawn, rules=page.rules, config=page.config)
        return tuple(
            Slot(
                drawn.first_position + index,
                slot.item_id,
                self.way(slot.item_id),
                slot.branch,
                reason,
                moves[slot.item_id],
            )
            for index, (slot, reason) in enumerate(zip(drawn.slots, why, strict=True))
        )

    @property
    def item_ids(self) -> tuple[int, ...]:
        """Of the page."""
        return self.page.drawn.item_ids

    def way(self, item_id: int) -> Way | None:
        """None for an item that no source named."""
        named_by = self._named_by.get(item_id)
        if named_by is None:
            return None
        if item_id in self.page.removed:
            return Way(item_id, named_by, removed=self.page.removed[item_id])
        return Way(
            item_id,
            named_by,
            by_fusion=self._by_fusion[item_id],
            by_score=self._by_score[item_id],
            score=float(self.page.candidates.scores[self.page.row_of[item_id]]),
            position=self._positions.get(item_id),
        )

    @cached_property
    def exploration(self) -> Exploration:
        return _exploration(self.page, settings.EXPLORATION_SHARE)

    # --- inside ---

    @cached_property
    def _left_rows(self) -> np.ndarray:
        item_ids = self.page.candidates.item_ids.tolist()
        return np.flatnonzero([item_id not in self.page.removed for item_id in item_ids])

    @cached_property
    def _left(self) -> np.ndarray:
        return self.page.candidates.item_ids[self._left_rows]

    @cached_property
    def _left_scores(self) -> np.ndarray:
        return self.page.candidates.scores[self._left_rows]

    @cached_property
    def _named_by(self) -> dict[int, tuple[tuple[str, int], ...]]:
        found: dict[int, list[tuple[str, int]]] = {}
        for run in self.sources:
            for place, item_id in enumerate(run.item_ids):
                found.setdefault(item_id, []).append((run.name, place))
        return {item_id: tuple(named) for item_id, named in found.items()}

    @cached_property
    def _by_fusion(self) -> dict[int, int]:
        return _places(self.fusion_order)

    @cached_property
    def _by_score(self) -> dict[int, int]:
        return _places(self.order)

    @cached_property
    def _positions(self) -> dict[int, int]:
        drawn = self.page.drawn
        return {item_id: place for place, item_id in enumerate(drawn.item_ids, start=drawn.first_position)}


def inspect(*, state: ReaderState, serving: Serving, now: datetime, columns: int | None = None) -> Inspection:
    """The first page of the home feed, as this release would make it, with nothing left to chance.

    Raises NoCandidates, and whatever goes wrong in the release.
    """
    page = recommend(state=state, serving=serving, now=now, limit=PAGE_SIZE, columns=columns)
    return Inspection(serving.release_id, state, page)


def _places(item_ids: Sequence[int]) -> dict[int, int]:
    return {item_id: place for place, item_id in enumerate(item_ids)}


# --- what chance would change ---


def _exploration(page: Page, share: float) -> Exploration:
    """By the chances that serving itself draws with, read off instead of drawn from."""
    exploring = ExplorationConfig(epsilon=share)
    outside = outside_of(page.funnel.catalogue, page.asked.state, page.asked.now) if share else None
    pinned = {slot.item_id for slot in page.drawn.slots if slot.branch == Branch.PINNED}
    filling = _filling(page, exploring, outside, frozenset(pinned))
    pool: tuple[tuple[int, float], ...] = ()
    slots = []
    for chance, drawable in _chances(page, filling):
        slots.append(chance)
        pool = pool or drawable
    return Exploration(share, tuple(slots), pool, filling.outside.size, filling.outside.rule)


def _filling(
    page: Page, exploring: ExplorationConfig, outside: Outside | None, reserved: frozenset[int]
) -> FillingPage:
    config = SlateConfig(size=page.config.size, diversity=page.config.diversity, exploration=exploring)
    return FillingPage(page.drawn.ranked, page.rules, config, outside, reserved=reserved)


def _chances(page: Page, filling: FillingPage) -> Iterator[tuple[Chance, tuple[tuple[int, float], ...]]]:
    """Slot by slot, each filled as it is on the page; with the pool's items and their chances in that slot."""
    pins = page.rules.pins_from(page.drawn.first_position)
    for position, slot in enumerate(page.drawn.slots, start=page.drawn.first_position):
        if slot.branch == Branch.PINNED:
            filling.count(pins[position].cap_keys)
            yield Chance(position, slot.item_id, None, 0.0, 0.0), ()
            continue
        greedy = filling.greedy()
        if greedy is None:
            return
        chances = filling.chances(greedy)
        drawable = tuple((filling.item_ids[row], chances.of_candidate(row)) for row in chances.pool)
        stays = chances.of_candidate(greedy)
        yield Chance(position, slot.item_id, stays, chances.of_pool, chances.of_outside), drawable
        filling.show(greedy)
