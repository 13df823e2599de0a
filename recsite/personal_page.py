"""One page of the feed as a release makes it: sources, filters, features, order, slate."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from ranking import slate as ranked_slate
from ranking.exploration import NO_EXPLORATION, USUAL_EXPLORATION, ExplorationConfig, Outside
from ranking.propensity import Branch
from ranking.request import RankingRequest
from ranking.slate_config import Pin, ScoredCandidates, SlateConfig, SlateRules
from recsite.filters import unwanted, unwanted_by_catalogue
from recsite.funnel.catalogue import Catalogue
from recsite.funnel.funnel import Funnel
from recsite.funnel.query import FunnelQuery
from recsite.metrics import SERVING_SECONDS, SOURCE_FAILURES
from recsite.pins import Pinned, pins_for
from recsite.reader_state import ReaderState
from recsite.source_watch import SourceWatch
from retrieval.union import Union

logger = logging.getLogger(__name__)

TRIES = 3
OUTSIDE_RULE_CHARS = 200


class NoCandidates(Exception):
    """The sources of the release name nothing that may be shown."""


@dataclass(frozen=True, eq=False)
class PageRequest:
    """What is wanted. shown: item ids of the scroll's earlier pages, in their order.

    exploration_share: of slots; 0 leaves nothing to chance. outside_share: of those, what comes from outside the
    candidates. seed: of what is left to chance.
    pinned: what staff pinned, and holds now; a page shows of them what this reader may be shown.
    measured: whether its times and failures count as those of serving; not where somebody only looks.
    """

    state: ReaderState
    shown: tuple[int, ...]
    now: datetime
    size: int
    columns: int | None = None
    exploration_share: float = 0.0
    outside_share: float = USUAL_EXPLORATION.outside_share
    seed: int = 0
    pinned: tuple[Pinned, ...] = ()
    measured: bool = True

    def timed(self, step: str) -> AbstractContextManager[object]:
        return SERVING_SECONDS.labels(step).time() if self.measured else nullcontext()

    def rules(self, gone: Collection[int] = (), pins: tuple[Pin, ...] = ()) -> SlateRules:
        """gone: item ids that turned out not to be shown any more."""
        return SlateRules(pins, hidden=self.state.known_items | frozenset(gone), shown=frozenset(self.shown))

    def config(self) -> SlateConfig:
        explored = ExplorationConfig(epsilon=self.exploration_share, outside_share=self.outside_share)
        return SlateConfig(size=self.size, exploration=explored if self.exploration_share else NO_EXPLORATION)


@dataclass(frozen=True, eq=False)
class Page:
    """One page, with everything that made it: the log takes some of it, explanations take the rest.

    named: all that the sources named; removed: what filters took out of it, by reason. request, features, candidates:
    of what the catalogue left, in one order; what the database then removed stands there too, but is not in `drawn`.
    outside: items of the page that no source had named, and their features.
    """

    funnel: Funnel
    asked: PageRequest
    query: FunnelQuery
    named: Union
    removed: Mapping[int, str]
    request: RankingRequest
    features: np.ndarray
    candidates: ScoredCandidates
    rules: SlateRules
    config: SlateConfig
    drawn: ranked_slate.Slate
    outside: Mapping[int, np.ndarray]

    @cached_property
    def row_of(self) -> Mapping[int, int]:
        """Candidates by item id: their row in `features` and `candidates`."""
        return {item_id: row for row, item_id in enumerate(self.candidates.item_ids.tolist())}

    def slot_features(self) -> np.ndarray:
        """(slots, columns) float32, as the ranker read them."""
        rows = [self.outside.get(item_id) for item_id in self.drawn.item_ids]
        found = [
            self.features[self.row_of[item_id]] if row is None else row
            for item_id, row in zip(self.drawn.item_ids, rows, strict=True)
        ]
        return np.stack(found).astype("<f4")


def make_page(funnel: Funnel, asked: PageRequest, watch: SourceWatch | None = None) -> Page:
    """watch: leaves out sources that were slow; None asks all.

    Raises NoCandidates, and whatever goes wrong in the release but for a source: without one the others go on.
    """
    query = asked.state.query(now=asked.now, shown=asked.shown, columns=asked.columns)
    with asked.timed("retrieve"):
        named = _named(funnel, query, asked, watch)
    with asked.timed("filter"):
        removed = unwanted_by_catalogue(funnel.catalogue, named.item_ids, state=asked.state)
        left = without(named, removed)
    if not len(left):
        raise NoCandidates(f"{len(named)} candidates were named, and {len(removed)} of them removed.")
    with asked.timed("features"):
        request = funnel.ranking_request(query, left)
        features = funnel.features(request)
    with asked.timed("order"):
        scores = funnel.scores(features)
    with asked.timed("slate"):
        item_ids = request.candidates.item_ids
        candidates = ScoredCandidates(item_ids, scores, funnel.catalogue.cap_keys(item_ids))
        config = asked.config()
        pins = pins_for(asked.pinned, state=asked.state, catalogue=funnel.catalogue, now=asked.now)
        drawn, gone = _draw(candidates, config, asked, funnel.catalogue, pins)
        if not drawn.slots:
            raise NoCandidates(f"Of {len(candidates)} candidates {len(gone)} are gone, and none is left to be shown.")
        outside = _outside_features(funnel, query, _unnamed(drawn, candidates))
    rules, removed = asked.rules(gone, pins), removed | gone
    return Page(funnel, asked, query, named, removed, request, features, candidates, rules, config, drawn, outside)


def _named(funnel: Funnel, query: FunnelQuery, asked: PageRequest, watch: SourceWatch | None) -> Union:
    failed = _counted_failure if asked.measured else _source_failed
    if watch is None:
        return funnel.retrieve(query, failed)
    return funnel.retrieve(query, failed, skip=watch.resting(), around=watch.timed)


def without(union: Union, removed: Mapping[int, str]) -> Union:
    """All but these items, in the same order."""
    if not removed:
        return union
    kept = ~np.isin(union.item_ids, np.fromiter(removed, np.int64, len(removed)))
    return Union(union.item_ids[kept], union.sources, union.scores[kept], union.ranks[kept])


def _counted_failure(source: str, error: Exception) -> None:
    SOURCE_FAILURES.labels(source).inc()
    _source_failed(source, error)


def _source_failed(source: str, error: Exception) -> None:
    logger.warning("a source failed; the others go on", extra={"source": source, "reason": repr(error)})


def _draw(
    candidates: ScoredCandidates,
    config: SlateConfig,
    asked: PageRequest,
    catalogue: Catalogue,
    pins: tuple[Pin, ...],
) -> tuple[ranked_slate.Slate, dict[int, str]]:
    """The page, and what turned out not to be shown any more, with its reason.

    The catalogue is of a moment that may be a minute ago. So what a page shows, and what chance could have drawn, is
    asked of the database: one that held what is gone is drawn again without it. That is some sixty items, where there
    are a thousand candidates.
    """
    outside = outside_of(catalogue, asked.state, asked.now) if config.exploration.epsilon else None
    gone: dict[int, str] = {}
    for _ in range(TRIES):
        drawn = _slate(candidates, asked.rules(gone, pins), config, asked, outside)
        found = _gone(_at_stake(drawn), asked)
        if not found:
            return drawn, gone
        gone |= found
    gone |= _gone(candidates.item_ids.tolist(), asked)
    return _slate(candidates, asked.rules(gone, pins), config, asked, None), gone


def _at_stake(drawn: ranked_slate.Slate) -> list[int]:
    """Item ids of its slots, and of the pool that they were drawn from."""
    pool = () if drawn.pool is None else drawn.pool.item_ids
    return list(dict.fromkeys((*drawn.item_ids, *pool)))


def _gone(item_ids: list[int], asked: PageRequest) -> dict[int, str]:
    return unwanted(item_ids, state=asked.state, now=asked.now)


def _slate(
    candidates: ScoredCandidates, rules: SlateRules, config: SlateConfig, asked: PageRequest, outside: Outside | None
) -> ranked_slate.Slate:
    return ranked_slate.make_slate(
        candidates, seed=asked.seed, rules=rules, config=config, outside=outside, first_position=len(asked.shown)
    )


def _unnamed(drawn: ranked_slate.Slate, candidates: ScoredCandidates) -> list[int]:
    """Items of the page that came from outside, or were pinned without being named."""
    unnamed = [slot.item_id for slot in drawn.slots if slot.branch == Branch.OUTSIDE]
    pinned = [slot.item_id for slot in drawn.slots if slot.branch == Branch.PINNED]
    if pinned:
        named = frozenset(candidates.item_ids.tolist())
        unnamed += [item_id for item_id in pinned if item_id not in named]
    return unnamed


def outside_of(catalogue: Catalogue, state: ReaderState, now: datetime) -> Outside:
    """Items that may be shown to this reader though no source named them."""
    everything = catalogue.outside(state.languages, now.timestamp())
    if not (state.hidden_topic_ids or state.hidden_author_ids):
        return everything
    table = catalogue.table
    places = np.flatnonzero(np.isin(table.topics, _ids(state.hidden_topic_ids)))
    rows = np.searchsorted(table.topic_offsets, places, side="right") - 1
    hidden = np.concatenate(
        [table.item_ids[rows], table.item_ids[np.isin(table.authors, _ids(state.hidden_author_ids))]]
    )
    kept = ~np.isin(everything.item_ids, hidden)
    rule = f"without what the reader hides, {everything.rule}"
    return Outside(everything.item_ids[kept], everything.cap_keys[kept], rule[:OUTSIDE_RULE_CHARS])


def _ids(values: frozenset[int]) -> np.ndarray:
    return np.fromiter(values, np.int64, len(values))


def _outside_features(funnel: Funnel, query: FunnelQuery, item_ids: Sequence[int]) -> dict[int, np.ndarray]:
    """Features of items that no source had named, so that what is shown can be learned from like all else."""
    if not item_ids:
        return {}
    unnamed = funnel.unnamed(np.array(item_ids, np.int64))
    rows = funnel.features(funnel.ranking_request(query, unnamed))
    return dict(zip(item_ids, rows, strict=True))
