"""A ranker small enough for a test, with a world and later visits to judge it on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from benchmarks.ranking_speed_models import Size, Trained
from benchmarks.ranking_speed_paths import Desk
from benchmarks.ranking_speed_world import Judged, World


@dataclass(frozen=True, eq=False)
class Small:
    desk: Desk
    ranker: Trained
    later: Judged


@lru_cache(maxsize=1)
def small() -> Small:
    """12 later visits of 150 candidates, for a ranker of 30 trees."""
    rng = np.random.default_rng(1)
    world = World.drawn(1_000, rng)
    visits, later = Judged.drawn(world, 40, 60, rng), Judged.drawn(world, 12, 150, rng)
    return Small(Desk.of(world), Trained.on(visits, later, world, Size(30, 7, 0.1), seed=1), later)
