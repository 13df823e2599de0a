"""What an arm of the loop asks instead of the site's own sources, and what it keeps of the answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.loop_arms import CANDIDATES, Arm, Named
from ranking.order import best_first
from ranking.request import RankingRequest
from recsite.funnel.funnel import Funnel
from recsite.releases.live import Serving, Shelf
from retrieval.candidates import NO_CANDIDATES, Candidates, Source
from retrieval.query_state import QueryState

TWO_TOWER, POPULAR = "two_tower", "popular"
KEPT_UNSHOWN = 60
"""Candidates of a page that are kept with their features: what the page shows may be among them."""


@dataclass(frozen=True, eq=False)
class First:
    """The first `CANDIDATES` of what another source names."""

    source: Source

    @property
    def name(self) -> str:
        return self.source.name

    def candidates(self, state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        return self.source.candidates(state, min(k, CANDIDATES), exclude=exclude)


@dataclass(frozen=True, eq=False)
class PopularFirst:
    """What is popular, then, while that is little, what is new: so that a site that nobody has used has a feed."""

    popular: Source
    fresh: Source

    @property
    def name(self) -> str:
        return POPULAR

    def candidates(self, state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        most = min(k, CANDIDATES)
        first = self.popular.candidates(state, most, exclude=exclude)
        known = np.concatenate([exclude, first.item_ids])
        rest = self.fresh.candidates(state, most, exclude=known).item_ids[: most - len(first)]
        last = float(first.scores[-1]) if len(first) else 0.0
        scores = np.concatenate([first.scores, np.full(len(rest), last, np.float32)])
        return Candidates(np.concatenate([first.item_ids, rest]), scores)


@dataclass(frozen=True, eq=False)
class Scored:
    """All items that are out, by scores from outside of the site, under the name of the towers.

    item_ids: (n,) int64, rising.  published_s: (n,) float64, seconds since 1970 UTC, NaN for no date.
    scores_at: (n,) float64 for whoever asks at that moment.
    """

    item_ids: np.ndarray
    published_s: np.ndarray
    scores_at: Callable[[datetime], np.ndarray]

    @property
    def name(self) -> str:
        return TWO_TOWER

    def candidates(self, state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        may = ~(self.published_s > state.at.timestamp()) & ~np.isin(self.item_ids, exclude)
        rows = np.flatnonzero(may)
        if not len(rows):
            return NO_CANDIDATES
        scores = self.scores_at(state.at)[rows].astype(np.float32)
        best = best_first(scores)[: min(k, CANDIDATES)]
        return Candidates(self.item_ids[rows[best]], scores[best])


@dataclass
class Unshown:
    """Some candidates of every page with their features, as they were when it was made.

    of_page: by the moment of the request, microseconds since 1970 UTC: item ids (m,) int64 and features
    (m, columns) float32, at most `most` of them drawn at random; None keeps all.
    """

    most: int | None = KEPT_UNSHOWN
    of_page: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Nothing where nothing was kept."""
        if not self.of_page:
            return
        sizes = [len(ids) for ids, _ in self.of_page.values()]
        ids = np.concatenate([ids for ids, _ in self.of_page.values()])
        features = np.concatenate([features for _, features in self.of_page.values()])
        unfinished = path.with_name(f".{path.name}")
        with unfinished.open("wb") as file:
            np.savez(file, pages=np.array(list(self.of_page)), sizes=np.array(sizes), ids=ids, features=features)
        os.replace(unfinished, path)

    def load(self, path: Path) -> None:
        """What `save` wrote, if it did."""
        if not path.exists():
            return
        with np.load(path) as kept:
            ends = np.cumsum(kept["sizes"])[:-1]
            parts = zip(np.split(kept["ids"], ends), np.split(kept["features"], ends), strict=True)
            self.of_page |= dict(zip(kept["pages"].tolist(), parts, strict=True))

    def keep(self, request: RankingRequest, features: np.ndarray) -> None:
        """Of a page's candidates; what chance took from outside of them is none of those."""
        sources = request.candidates.sources
        if all(np.isnan(said.ranks).all() for said in sources.values()):
            return
        at_us = round(request.context.at_s * 1e6)
        rows = np.arange(len(features))
        if self.most is not None and len(rows) > self.most:
            rows = np.sort(np.random.default_rng(at_us).choice(rows, self.most, replace=False))
        self.of_page[at_us] = request.candidates.item_ids[rows], features[rows]


@dataclass(frozen=True, eq=False)
class ArmFunnel(Funnel):
    """A release whose sources are those of an arm."""

    asks: tuple[Source, ...] = ()
    unshown: Unshown | None = None

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        return self.asks

    def features(self, request: RankingRequest) -> np.ndarray:
        built = super().features(request)
        if self.unshown is not None:
            self.unshown.keep(request, built)
        return built


Asks = Callable[[Serving], tuple[Source, ...]]


def asks_of(arm: Arm, scored: Source | None = None) -> Asks:
    """scored: of the ends of the scale."""

    def asks(serving: Serving) -> tuple[Source, ...]:
        if scored is not None:
            return (scored,)
        if arm.named is Named.POPULARITY:
            catalogue = serving.funnel.catalogue
            return (PopularFirst(catalogue.popular, catalogue.fresh),)
        return (First(serving.funnel.stage.retriever),)

    return asks


class ArmShelf(Shelf):
    """Serves every release with the sources of an arm. Nothing goes on with the release before."""

    def __init__(self, asks: Asks, unshown: Unshown | None = None) -> None:
        super().__init__()
        self._asks, self._unshown = asks, unshown
        self._of: Funnel | None = None
        self._serving: Serving | None = None

    def current(self) -> Serving | None:
        serving = super().current()
        if serving is None:
            return None
        if self._serving is None or serving.funnel is not self._of:
            self._of, self._serving = serving.funnel, self._with_asks(serving)
        return self._serving

    def previous(self) -> Serving | None:
        return None

    def keep_in(self, unshown: Unshown) -> None:
        """What pages do not show, from now on."""
        self._unshown, self._serving = unshown, None

    def _with_asks(self, serving: Serving) -> Serving:
        plain = serving.funnel
        funnel = ArmFunnel(
            plain.stage,
            plain.ranker,
            plain.catalogue,
            plain.prepared,
            asks=self._asks(serving),
            unshown=self._unshown,
        )
        return replace(serving, funnel=funnel)
