"""Small pages: candidates and items outside written as rows."""

from __future__ import annotations

import numpy as np

from ranking.caps import NO_CAPS, Caps
from ranking.diversity import Mmr
from ranking.exploration import NO_EXPLORATION, ExplorationConfig, Outside
from ranking.request import NONE
from ranking.slate_config import ScoredCandidates, SlateConfig

Row = tuple[int, float, int, int]
"""Item id, score, topic, author."""


def scored(*rows: Row, vectors: list[list[float]] | None = None) -> ScoredCandidates:
    return ScoredCandidates(
        item_ids=np.array([row[0] for row in rows], np.int64),
        scores=np.array([row[1] for row in rows], np.float32),
        cap_keys=np.array([row[2:] for row in rows], np.int64).reshape(len(rows), 2),
        vectors=None if vectors is None else np.array(vectors, np.float32),
    )


def free(*scores: float) -> ScoredCandidates:
    """Items 1, 2, 3, ... that no cap holds."""
    return scored(*((item_id, score, NONE, NONE) for item_id, score in enumerate(scores, start=1)))


def outside(*rows: tuple[int, int, int]) -> Outside:
    """rows: item id, topic, author."""
    columns = np.array(rows, np.int64).reshape(len(rows), 3)
    return Outside(columns[:, 0], columns[:, 1:], "all")


def config(
    size: int = 24, diversity: Caps | Mmr = NO_CAPS, exploration: ExplorationConfig = NO_EXPLORATION
) -> SlateConfig:
    return SlateConfig(size, diversity, exploration)
