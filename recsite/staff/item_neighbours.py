"""What a release holds near an item: by its vectors, and by what the same readers chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ranking.request import NONE
from recsite.funnel.funnel import Funnel
from retrieval.ids import UNKNOWN
from retrieval.query_state import QueryState

NEIGHBOURS = 20


@dataclass(frozen=True)
class Neighbour:
    """score: a cosine, or what the co-visitation source says."""

    item_id: int
    score: float


def has_vector(funnel: Funnel, item_id: int) -> bool:
    """Whether the towers can find it."""
    return _vector(funnel, item_id) is not None


def is_in_graph(funnel: Funnel, item_id: int) -> bool:
    """Whether anybody chose it near another item before the release was trained."""
    return bool(funnel.stage.graph.items.idx_of(np.array([item_id], np.int64))[0] != UNKNOWN)


def alike(funnel: Funnel, item_id: int, *, most: int = NEIGHBOURS) -> Sequence[Neighbour]:
    """The items of the catalogue whose vectors have the highest cosine with its own; none without a vector.

    Every vector is looked at: this is exact, and takes some hundredths of a second of a million.
    """
    vector = _vector(funnel, item_id)
    if vector is None:
        return ()
    table = funnel.prepared.table
    cosines = table.vectors @ vector
    cosines[table.rows_of(np.array([item_id], np.int64))] = -np.inf
    nearest = np.argpartition(-cosines, min(most, len(cosines) - 1))[:most]
    nearest = nearest[np.lexsort((table.item_ids[nearest], -cosines[nearest]))]
    found = zip(table.item_ids[nearest].tolist(), cosines[nearest].tolist(), strict=True)
    return tuple(Neighbour(other, cosine) for other, cosine in found if cosine > 0)


def covisited(funnel: Funnel, item_id: int, *, now: datetime, most: int = NEIGHBOURS) -> Sequence[Neighbour]:
    """What the co-visitation source names for somebody who has just chosen this item and nothing else."""
    chosen = np.array([item_id], np.int64)
    state = QueryState(at=now, history=chosen, history_kinds=("like",), history_ages_s=np.zeros(1, np.float32))
    named = funnel.stage.covisitation.candidates(state, most, exclude=chosen)
    pairs = zip(named.item_ids.tolist(), named.scores.tolist(), strict=True)
    return tuple(Neighbour(other, score) for other, score in pairs)


def _vector(funnel: Funnel, item_id: int) -> np.ndarray | None:
    """(width,) float32 of norm 1."""
    table = funnel.prepared.table
    row = table.rows_of(np.array([item_id], np.int64))[0]
    if row == NONE or not table.vectors[row].any():
        return None
    vector: np.ndarray = table.vectors[row]
    return vector
