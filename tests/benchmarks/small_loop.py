"""Results of a loop whose figures can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.loop_results import LoopResults

LOWEST, HIGHEST = 0.1, 0.3


def piece(arm: str, seed: int, normalised: Sequence[float], **measures: float) -> dict[str, Any]:
    """normalised: by round; utility is so much of the way from LOWEST to HIGHEST."""
    way = HIGHEST - LOWEST
    rounds = [{"round": at, "utility": LOWEST + way * one, **measures} for at, one in enumerate(normalised, 1)]
    return {
        "world": "small",
        "readers": 30,
        "items": 500,
        "revision": "abc",
        "arm": arm,
        "seed": seed,
        "rounds": rounds,
    }


def results(arms: dict[str, dict[int, Sequence[float]]], *, rounds: int = 4, **more: Any) -> LoopResults:
    """arms: normalised utility by seed and round. The ends of the scale are put beside them."""
    seeds = sorted({seed for by_seed in arms.values() for seed in by_seed})
    ends = {"random": dict.fromkeys(seeds, [0.0] * rounds), "oracle": dict.fromkeys(seeds, [1.0] * rounds)}
    pieces = [piece(arm, seed, values) for arm, by_seed in {**ends, **arms}.items() for seed, values in by_seed.items()]
    return LoopResults.of_pieces(pieces, rounds=rounds, **more)
