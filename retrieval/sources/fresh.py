"""The newest items, so that something of which nobody knows yet gets a chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrieval.candidates import Candidates
from retrieval.query_state import QueryState
from retrieval.sources.choosing import at_least_one
from retrieval.sources.item_table import ItemTable, first_out
from retrieval.sources.standing_order import StandingOrder

SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True)
class FreshConfig:
    """max_age_days: older items are not fresh; None for no bound."""

    max_age_days: float | None = None

    def __post_init__(self) -> None:
        if self.max_age_days is not None and self.max_age_days <= 0:
            raise ValueError(f"max_age_days must be above 0, or None for no bound, but is {self.max_age_days}.")


@dataclass(frozen=True, eq=False)
class Fresh:
    """Newest first; the score is minus the age in days. Nothing that is published after the moment of the request.

    published_s: (num_items,) float64, never rising, parallel to `order`.
    """

    order: StandingOrder
    published_s: np.ndarray
    config: FreshConfig
    name: str = "fresh"

    @classmethod
    def fit(cls, items: ItemTable, config: FreshConfig) -> Fresh:
        """Puts the items in order."""
        newest = items.newest_first()
        item_ids = items.item_ids[newest]
        return cls(StandingOrder.of(item_ids, items.languages_of(item_ids)), items.published_s[newest], config)

    def candidates(self, state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        """See `Source.candidates`. A reader who gave languages gets items in one of them, or in none that is known."""
        at_least_one(k)
        at_s = state.at.timestamp()
        begin, end = first_out(self.published_s, at_s), len(self.published_s)
        if self.config.max_age_days is not None:
            oldest_s = at_s - self.config.max_age_days * SECONDS_A_DAY
            end = first_out(self.published_s, np.nextafter(oldest_s, -np.inf))
        rows = self.order.allowed(state.languages, exclude).first(k, begin=begin, end=end)
        ages_days = (at_s - self.published_s[rows]) / SECONDS_A_DAY
        return Candidates(self.order.items.item_ids[rows], (-ages_days).astype(np.float32))
