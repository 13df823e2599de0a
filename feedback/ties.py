"""In which order things of the same moment stand: at random, but always the same."""

from __future__ import annotations

import numpy as np


def scattered(numbers: np.ndarray, seed: int = 0) -> np.ndarray:
    """(n,) uint64 in a random order that any version of any library gives again: the finaliser of SplitMix64 (Steele,
    Lea, Flood: "Fast splittable pseudorandom number generators", 2014)."""
    mixed = numbers.astype(np.uint64) + np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
