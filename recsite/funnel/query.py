"""What the funnel is asked: a reader at a moment, on a surface. Serving, training and measuring ask the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from ranking.request import Context, ReaderState
from retrieval.query_state import QueryState

HISTORY_LENGTH = 500
"""So much of what a reader did to items is asked with, the most recent."""

GAINS = {"click": 1.0, "outbound": 2.0, "like": 3.0, "save": 3.0, "dismiss": -1.0}
"""What a kind of interaction says of the reader's liking; `ranking.request.ReaderState.gains`. Others say nothing."""


@dataclass(frozen=True, eq=False)
class FunnelQuery:
    """state: what retrieval is asked with, history up to `HISTORY_LENGTH`.
    exclude: (n,) int64 item ids that no source may name: consumed, rejected, shown in this visit.
    viewed: how often the reader saw an item without choosing it, by item id; 0 for all others.
    first_seen_s: when the reader was first seen, seconds since 1970 UTC; None for somebody new.
    columns: of the grid of cards, 0 where that is not known.
    """

    state: QueryState
    exclude: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    viewed: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    first_seen_s: float | None = None
    surface: str = "home"
    columns: int = 0

    def context(self) -> Context:
        """Where the reader is in time is not known, so hours are those of UTC."""
        at = self.state.at
        hour = at.hour + at.minute / 60 + at.second / 3_600
        return Context(at.timestamp(), hour, at.weekday(), self.surface, self.columns)

    def reader(self, language_codes: Mapping[str, int]) -> ReaderState:
        """As ranking knows it: of the same history, what says something of the liking. language_codes: numbers of the
        catalogue's languages."""
        state = self.state
        gains = np.array([GAINS.get(kind, 0.0) for kind in state.history_kinds], np.float32)
        says = gains != 0
        spoken = [language_codes[code] for code in state.languages if code in language_codes]
        return ReaderState(
            history=state.history[says],
            ages_s=state.history_ages_s[says].astype(np.float32),
            gains=gains[says],
            topics=np.array(state.topics, np.int32),
            authors=np.array(state.authors, np.int32),
            languages=np.array(spoken, np.int16),
            tenure_s=0.0 if self.first_seen_s is None else max(0.0, state.at.timestamp() - self.first_seen_s),
        )
