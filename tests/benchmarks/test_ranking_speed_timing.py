from __future__ import annotations

import numpy as np

from benchmarks.ranking_speed_timing import in_rounds, timed


def test_every_other_round_goes_backwards() -> None:
    asked: list[str] = []
    calls = {name: lambda i, name=name: asked.append(f"{name}{i}") for name in "ab"}
    seconds = in_rounds(calls, requests=2, rounds=2)
    assert asked[2:] == ["b0", "b1", "a0", "a1", "a0", "a1", "b0", "b1"]
    assert seconds["a"].shape == (2, 2)


def test_a_ratio_is_the_median_over_rounds_so_that_one_bad_round_counts_for_nothing() -> None:
    one = timed(np.array([[2.0, 2.0], [2.0, 2.0], [90.0, 90.0]]), np.ones((3, 2)))
    assert one.ratio == 2
    assert one.p50_ms == 2_000


def test_what_is_compared_with_nothing_has_no_ratio() -> None:
    assert timed(np.ones((1, 2))).ratio is None
