from __future__ import annotations

import pytest

from benchmarks.loop_svg import Scale, apart, ticks


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.31, 0.52, [0.3, 0.35, 0.4, 0.45, 0.5, 0.55]),
        (-0.2, 0.3, [-0.2, -0.1, 0, 0.1, 0.2, 0.3]),
        (0.0, 3.0, [0, 1, 2, 3]),
        (0.5, 0.5, [0.4, 0.6]),
    ],
)
def test_ticks_are_round_and_hold_what_is_drawn(low: float, high: float, wanted: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(wanted)
    assert ticks(low, high)[0] <= low <= high <= ticks(low, high)[-1]


def test_a_scale_may_run_downwards() -> None:
    scale = Scale(0, 1, 374, 74)
    assert [scale.at(value) for value in (0, 0.5, 1, 1.1)] == [374, 224, 74, 44]


def test_labels_do_not_lie_on_each_other() -> None:
    assert apart([100, 50, 104], gap=15, bottom=300) == [100, 50, 115]
    assert apart([100, 100, 100], gap=15, bottom=300) == [100, 115, 130]
    assert apart([298, 290, 20], gap=15, bottom=300) == [300, 285, 20]
