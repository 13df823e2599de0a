"""What everybody chooses: the most chosen items, and those chosen more than they used to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrieval.candidates import Candidates
from retrieval.interactions import Interactions
from retrieval.query_state import QueryState
from retrieval.sources.choosing import at_least_one
from retrieval.sources.distinct import strongest_of_pairs
from retrieval.sources.item_table import UNKNOWN_LANGUAGE, ItemTable
from retrieval.sources.standing_order import StandingOrder

SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True)
class PopularConfig:
    """half_life_days: a choice counts half as much after so many days; None for no decay."""

    half_life_days: float | None = 30.0

    def __post_init__(self) -> None:
        if self.half_life_days is not None and self.half_life_days <= 0:
            raise ValueError(f"half_life_days must be above 0, or None for no decay, but is {self.half_life_days}.")


@dataclass(frozen=True)
class TrendingConfig:
    """recent_days, usual_days: half-lives of what counts as now and as usual.
    prior: so many choices at the usual rate are imagined for every item, so that a few choices make no trend.
    """

    recent_days: float = 1.0
    usual_days: float = 14.0
    prior: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.recent_days < self.usual_days:
            raise ValueError(f"recent_days ({self.recent_days}) must lie between 0 and usual_days ({self.usual_days}).")
        if self.prior <= 0:
            raise ValueError(f"prior must be above 0, but is {self.prior}.")


@dataclass(frozen=True, eq=False)
class Popular:
    """The most chosen items; a reader who gave languages gets those in one of them, or in none that is known.

    scores: (num_items,) float32, decayed weight of choices, parallel to `order`.
    """

    order: StandingOrder
    scores: np.ndarray
    config: PopularConfig
    name: str = "popular"

    @classmethod
    def fit(
        cls, interactions: Interactions, config: PopularConfig, *, at_s: float, items: ItemTable | None = None
    ) -> Popular:
        """Counts as of `at_s`, seconds since 1970 UTC; each reader counts once for an item. `items` knows languages.

        Raises ValueError when an interaction happened after `at_s`.
        """
        item_ids, counts = _decayed_counts(interactions, config.half_life_days, at_s)
        order, scores = _in_order(item_ids, counts, items)
        return cls(order, scores, config)

    def candidates(self, state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        """See `Source.candidates`. The history plays no part."""
        return _first(self.order, self.scores, state, k, exclude)


@dataclass(frozen=True, eq=False)
class Trending:
    """Items that are chosen more often than they usually are, the steepest rise first.

    scores: (num_items,) float32, above 1: choices now over what would be usual, drawn towards 1 by the prior;
    parallel to `order`. "Usual" follows the traffic of the whole site, so a busy day alone makes nothing a trend.
    """

    order: StandingOrder
    scores: np.ndarray
    config: TrendingConfig
    name: str = "trending"

    @classmethod
    def fit(
        cls, interactions: Interactions, config: TrendingConfig, *, at_s: float, items: ItemTable | None = None
    ) -> Trending:
        """See `Popular.fit`."""
        item_ids, now = _decayed_counts(interactions, config.recent_days, at_s)
        _, long = _decayed_counts(interactions, config.usual_days, at_s)
        usual = long * (now.sum() / max(long.sum(), np.finfo(np.float64).tiny))
        rise = (now + config.prior) / (usual + config.prior)
        order, scores = _in_order(item_ids[rise > 1], rise[rise > 1], items)
        return cls(order, scores, config)

    def candidates(self, state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        """See `Source.candidates`. The history plays no part."""
        return _first(self.order, self.scores, state, k, exclude)


def _decayed_counts(
    interactions: Interactions, half_life_days: float | None, at_s: float
) -> tuple[np.ndarray, np.ndarray]:
    """Item ids, rising, and the weight of their readers' choices, (num_items,) float64."""
    if len(interactions) and interactions.times_s[-1] > at_s:
        raise ValueError(
            f"An interaction at {interactions.times_s[-1]} s is later than at_s = {at_s}: counts would look into the "
            "future. Give `interactions.before(at_s)`."
        )
    amounts = interactions.weights.astype(np.float64)
    if half_life_days is not None:
        amounts *= np.exp2((interactions.times_s - at_s) / (half_life_days * SECONDS_A_DAY))
    _, item_ids, amounts = strongest_of_pairs(interactions, amounts)
    distinct, rows = np.unique(item_ids, return_inverse=True)
    return distinct, np.bincount(rows, weights=amounts, minlength=len(distinct))


def _in_order(item_ids: np.ndarray, scores: np.ndarray, items: ItemTable | None) -> tuple[StandingOrder, np.ndarray]:
    """Highest score first, among equals the lower id."""
    scores = scores.astype(np.float32)
    order = np.lexsort((item_ids, -scores))
    in_order = item_ids[order]
    languages = [UNKNOWN_LANGUAGE] * len(in_order) if items is None else items.languages_of(in_order)
    return StandingOrder.of(in_order, languages), scores[order]


def _first(order: StandingOrder, scores: np.ndarray, state: QueryState, k: int, exclude: np.ndarray) -> Candidates:
    at_least_one(k)
    rows = order.allowed(state.languages, exclude).first(k)
    return Candidates(order.items.item_ids[rows], scores[rows])
