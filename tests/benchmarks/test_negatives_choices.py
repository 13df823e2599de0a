from __future__ import annotations

import pytest

from benchmarks.negatives_choices import (
    BASE,
    CHOICES,
    LEARNING_RATE,
    PRIOR,
    REFERENCE,
    SIZES,
    Choice,
    Draw,
    Range,
    draws,
)
from retrieval.config import Negatives, PositiveCorrection, TrainingConfig

HALF = Draw(0.5, 0.5, 0.5)
OWN_COLUMNS = [choice for choice in CHOICES if choice.sized]


def training(choice: Choice, columns: int) -> TrainingConfig:
    return choice.config(columns, HALF, epochs=3, seed=4).training


def test_a_range_in_logarithms_has_its_middle_at_the_geometric_mean() -> None:
    assert Range(1.0, 100.0, log=True).at(0.5) == pytest.approx(10)
    assert Range(1.0, 100.0).at(0.5) == pytest.approx(50.5)
    assert [Range(0.5, 2.0, log=True).at(share) for share in (0.0, 1.0)] == pytest.approx([0.5, 2.0])


def test_every_part_of_a_range_is_tried_once() -> None:
    tried = draws(6, seed=5)
    for setting in ("learning_rate", "temperature", "knob"):
        assert sorted(int(6 * getattr(draw, setting)) for draw in tried) == [0, 1, 2, 3, 4, 5]
    assert tried == draws(6, seed=5) != draws(6, seed=6)


@pytest.mark.parametrize("columns", SIZES)
@pytest.mark.parametrize("choice", OWN_COLUMNS, ids=lambda choice: choice.name)
def test_every_choice_gets_as_many_columns(choice: Choice, columns: int) -> None:
    config = training(choice, columns)
    assert (config.in_batch_negatives or 0) + config.uniform_negatives + config.hard_negatives == columns


@pytest.mark.parametrize("rows", [17, 65, 513, 9, 33, 257])
def test_blocks_divide_a_batch_almost_evenly(rows: int) -> None:
    batch = BASE.training.batch_size
    assert rows <= batch / (batch // rows) <= 1.03 * rows


def test_names_differ_and_what_all_tune_is_tuned_alike() -> None:
    assert len({choice.name for choice in CHOICES}) == len(CHOICES)
    assert {training(choice, 64).learning_rate for choice in CHOICES} == {LEARNING_RATE.at(0.5)}
    assert len({training(choice, 64).temperature for choice in CHOICES if choice.tempered}) == 1
    assert {training(choice, 64).batch_size for choice in CHOICES} == {BASE.training.batch_size}


def test_the_prior_is_trained_without_correction_whatever_its_alpha() -> None:
    few, many = (PRIOR.config(64, Draw(0.5, 0.5, knob), epochs=3, seed=4) for knob in (0.0, 1.0))
    assert few == many
    assert few.training.log_q_strength == 0
    assert PRIOR.knob_at(Draw(0.5, 0.5, 1.0)) == 1.5


def test_there_is_a_row_for_every_correction_of_the_positive() -> None:
    corrections = {training(choice, 64).positive_correction for choice in CHOICES}
    assert corrections == set(PositiveCorrection)


def test_weights_by_age_and_the_cap_are_rows_of_their_own() -> None:
    weighed = {(training(choice, 64).half_life_days, training(choice, 64).most_per_reader) for choice in CHOICES}
    assert weighed == {(None, 25), (30.0, 25), (None, 50)}


def test_the_reference_is_the_textbook() -> None:
    config = training(REFERENCE, 16)
    assert (config.negatives, config.uniform_negatives, config.log_q_strength) == (Negatives.SAMPLED, 0, 1.0)
