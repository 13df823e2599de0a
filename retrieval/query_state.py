"""What the site knows of a reader at the moment of a request: the only thing that retrieval is asked with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import numpy as np

_NO_IDS = np.empty(0, np.int64)
_NO_AGES = np.empty(0, np.float32)


@dataclass(frozen=True, eq=False)
class QueryState:
    """A reader at a moment. The default is somebody of whom nothing is known but the time.

    at: the moment of the request, with a time zone.
    history: (n,) int64 item ids, the most recent last.
    history_kinds: n texts, what was done with each (`feedback.kinds.Kind`: "click", "like", "dismiss", ...).
    history_ages_s: (n,) float32, seconds before `at`, never negative.
    searches: recent queries, the most recent last.  topics, authors: followed, catalogue ids.
    languages: codes such as "en".  country: a code such as "NL", or "".  attributes: such as {"age": "25-34"}.

    Raises ValueError for history columns of different lengths, a negative age (a state that looks into the future),
    or a moment without a time zone.
    """

    at: datetime
    history: np.ndarray = field(default_factory=lambda: _NO_IDS)
    history_kinds: tuple[str, ...] = ()
    history_ages_s: np.ndarray = field(default_factory=lambda: _NO_AGES)
    searches: tuple[str, ...] = ()
    topics: tuple[int, ...] = ()
    authors: tuple[int, ...] = ()
    languages: tuple[str, ...] = ()
    country: str = ""
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError(f"{self.at} has no time zone; the moment of a request is an instant.")
        if not len(self.history) == len(self.history_kinds) == len(self.history_ages_s):
            raise ValueError(
                f"history, kinds and ages run parallel, but hold {len(self.history)}, {len(self.history_kinds)} and "
                f"{len(self.history_ages_s)}."
            )
        if len(self.history_ages_s) and not (self.history_ages_s >= 0).all():
            raise ValueError(f"An age of {self.history_ages_s.min()} s: the state knows what had not happened yet.")
