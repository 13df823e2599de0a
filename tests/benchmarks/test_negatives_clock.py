from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks import negatives_clock
from benchmarks.negatives_choices import CHOICES, REFERENCE, Draw
from benchmarks.negatives_clock import ROUNDS, Pace, clocked, key, one_round, paces
from benchmarks.negatives_training import PROTOCOL, Cell
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_results import Result
from benchmarks.retrieval_world import made_up_world

DRAW = Draw(0.5, 0.5, 0.5)
HARD = next(choice for choice in CHOICES if choice.name == "mixed, hard negatives")
CELLS = [
    Cell("reference", REFERENCE.config(16, DRAW, epochs=8, seed=0), validation=False),
    Cell("mined", HARD.config(16, DRAW, epochs=8, seed=0), validation=False),
]


def rounds_of(seconds: list[tuple[float, float, float]]) -> list[Result]:
    """By round: an epoch of the reference, the first of the mined row, a later one of it."""
    reference, mined = (cell.key for cell in CELLS)
    return [
        Result(
            PROTOCOL,
            "clock",
            number,
            {reference: base, f"{reference} later": base, mined: first, f"{mined} later": later},
            1.0,
            0.0,
            (),
        )
        for number, (base, first, later) in enumerate(seconds)
    ]


def test_epochs_come_nearest_to_the_time() -> None:
    assert Pace(1.0, 1.0).epochs(8.0) == 8
    assert Pace(1.0, 3.0).epochs(8.0) == 3  # 1 + 3 + 3 = 7; a fourth would make 10
    assert Pace(1.0, 3.0).seconds(3) == 7.0
    assert Pace(20.0, 20.0).epochs(8.0) == 1


def test_load_that_slows_a_whole_round_changes_no_budget() -> None:
    quiet = rounds_of([(1.0, 1.1, 2.0)] * 4)
    loaded = rounds_of([(load * 1.0, load * 1.1, load * 2.0) for load in (1.0, 1.4, 1.0, 3.0)])
    for cells_rounds in (quiet, loaded):
        found = paces(cells_rounds, CELLS)
        reference, mined = (found[cell.key] for cell in CELLS)
        assert mined.first_s / reference.first_s == pytest.approx(1.1)
        assert mined.epochs(reference.seconds(8)) == 4  # 1.1 + 3 x 2 = 7.1


def test_one_disturbed_turn_changes_no_budget() -> None:
    found = paces(rounds_of([(1.0, 1.0, 2.0), (1.0, 1.0, 2.0), (1.4, 1.0, 2.0), (1.0, 1.0, 2.0)]), CELLS)
    reference, mined = (found[cell.key] for cell in CELLS)
    assert mined.later_s / reference.later_s == pytest.approx(2.0, rel=0.02)


def test_only_what_mines_needs_a_second_epoch() -> None:
    assert [clocked(cell).config.training.epochs for cell in CELLS] == [1, 2]


def test_another_row_or_another_setting_is_measured_anew() -> None:
    shares = [Cell("mined", HARD.config(16, Draw(0.5, 0.5, knob), epochs=2, seed=0), False) for knob in (0.0, 1.0)]
    assert len({key(CELLS), key(CELLS[:1]), key(shares[:1]), key(shares[1:])}) == 4


def test_rounds_take_turns_in_different_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [Cell(f"{columns}", REFERENCE.config(columns, DRAW, epochs=1, seed=0), False) for columns in range(8, 20)]
    orders: list[list[str]] = []

    def asked(dataset: Ratings, cell: Cell) -> list[float]:
        orders[-1].append(cell.name)
        return [1.0]

    monkeypatch.setattr(negatives_clock, "_epochs_s", asked)
    world = made_up_world(10, 30, seed=0)
    for number in range(ROUNDS):
        orders.append([])
        one_round(world, cells, number)
    assert len({tuple(order) for order in orders}) == ROUNDS
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(cell.name for cell in cells))}


def test_a_real_round_measures_every_row() -> None:
    torch.set_num_threads(1)
    cells = [clocked(cell) for cell in CELLS]
    done = one_round(made_up_world(60, 300, seed=1), cells, 3)
    assert (done.seed, done.model, len(done.settings)) == (3, key(cells), 4)
    assert (np.array(list(done.settings.values())) > 0).all()
    found = paces([done], cells)
    assert found[cells[0].key].first_s == found[cells[0].key].later_s
    assert found[cells[1].key].first_s != found[cells[1].key].later_s
