"""Catalogues of moments that are past, from history alone: for training, and for the window of the gate."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from ranking.request import WINDOWS
from recsite.funnel.catalogue import Catalogue, Counts
from recsite.funnel.item_facts import ItemFacts
from recsite.funnel.recent import Recent
from recsite.funnel.sources import popular_and_trending
from retrieval.ids import UNKNOWN, IdMap
from retrieval.interactions import Interactions

_HOUR_S, _DAY_S = 3_600.0, 86_400.0
_WINDOW_S = dict(zip(WINDOWS, (_HOUR_S, _DAY_S, 7 * _DAY_S), strict=True))


class HistoryCatalogues:
    """What was known of items when a day began, made when first asked for.

    Where nothing was shown a choice is a click, and nobody knows of views and dismissals. Ask in the order of time:
    only the last `most` days are kept.
    """

    def __init__(self, items: pa.Table, interactions: Interactions, *, most: int = 16) -> None:
        """items: `ITEM_CONTENT`.  interactions: all choices that there are; a day is told only of those before it.

        An item that was chosen before the time of its publication was out by then: imported catalogues give items the
        time of their import.
        """
        self._facts = ItemFacts.of(_out_when_chosen(items, interactions))
        self._interactions = interactions
        self._days: Recent[float, Catalogue] = Recent(most)

    def at(self, at_s: float) -> Catalogue:
        """As it was known when the day of `at_s`, seconds since 1970, began (UTC): nothing from then on is counted."""
        day_s = at_s // _DAY_S * _DAY_S
        return self._days.get(day_s, lambda: self._as_of(day_s))

    def _as_of(self, until_s: float) -> Catalogue:
        popular, trending = popular_and_trending(self._interactions, until_s)
        as_of = datetime.fromtimestamp(until_s, UTC)
        counts = self._counts(until_s)
        return Catalogue.of_facts(
            self._facts, counts, popular, trending, counts_as_of=as_of, version=f"history as of {as_of:%Y-%m-%d}"
        )

    def _counts(self, until_s: float) -> Counts:
        """Clicks by window."""
        windows = [self._interactions.between(until_s - length, until_s).item_ids for length in _WINDOW_S.values()]
        item_ids = np.unique(np.concatenate(windows))
        clicks = [np.bincount(np.searchsorted(item_ids, chosen), minlength=len(item_ids)) for chosen in windows]
        nothing = np.zeros((len(WINDOWS), len(item_ids)), np.float32)
        return Counts(item_ids, views=nothing, clicks=np.stack(clicks).astype(np.float32), dismissals=nothing)


def _out_when_chosen(items: pa.Table, interactions: Interactions) -> pa.Table:
    """Items published no later than they were first chosen."""
    chosen, first = np.unique(interactions.item_ids, return_index=True)
    idx = IdMap(items["item_id"].to_numpy()).idx_of(chosen)
    first_s = np.full(len(items), np.inf)
    first_s[idx[idx != UNKNOWN]] = interactions.times_s[first[idx != UNKNOWN]]
    published = items["published_at"].cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64)
    micros = np.fmin(published, first_s * 1e6)
    is_known = np.isfinite(micros)
    at = pa.array(np.where(is_known, micros, 0).astype(np.int64), mask=~is_known)
    column = items.column_names.index("published_at")
    return items.set_column(column, "published_at", at.cast(pa.timestamp("us", tz="UTC")))
