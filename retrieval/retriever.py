"""The two-tower source: a reader's state in, the nearest items out. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrieval.candidates import Candidates
from retrieval.encoding import QueryEncoder
from retrieval.index import Index
from retrieval.query_state import QueryState


@dataclass(frozen=True, eq=False)
class Retriever:
    """An artefact made ready to be asked: a candidate source. Never changes; safe to ask from several threads."""

    encoder: QueryEncoder
    index: Index

    @property
    def name(self) -> str:
        return "two_tower"

    def search(self, state: QueryState, k: int, exclude: np.ndarray) -> Candidates:
        """The `k` best items for a reader, none of `exclude` (item ids), with their scores."""
        return self.index.search(self.encoder.vectors([state])[0], k, exclude)

    def candidates(self, state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        """As every source."""
        return self.search(state, k, exclude)
