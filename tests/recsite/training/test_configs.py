from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recsite.training.configs import (
    SIZES,
    affordable,
    amounts,
    goes_on,
    going_on,
    ranker_config,
    retriever_config,
)
from retrieval.config import Negatives, TrainingConfig


def test_a_config_does_not_depend_on_data_that_is_affordable() -> None:
    for size in SIZES:
        assert retriever_config(size, reader_ids=np.array([1, 1, 2])).towers == retriever_config(size).towers
        assert (
            retriever_config(size).training.epochs == retriever_config(size, reader_ids=np.array([1])).training.epochs
        )


def test_readers_with_much_give_less_where_there_is_more_than_can_be_paid_for() -> None:
    """Two epochs of 8 draws: 2 of the first reader, 6 of the second."""
    reader_ids = np.repeat([1, 2], [2, 30])
    training = affordable(TrainingConfig(epochs=2, most_per_reader=50), reader_ids, 16)
    assert (training.most_per_reader, training.epochs) == (6, 2)


def test_a_positive_that_weighs_three_costs_three() -> None:
    reader_ids, weights = np.repeat([1, 2], [2, 10]), np.full(12, 3.0)
    training = affordable(TrainingConfig(epochs=1, most_per_reader=50), reader_ids, 16, weights)
    assert training.most_per_reader == 10


def test_a_seed_and_threads_reach_the_configs() -> None:
    assert retriever_config("small", seed=7).training.seed == 7
    for bootstrap in (True, False):
        config = ranker_config("full", bootstrap=bootstrap, seed=7, num_threads=3)
        assert (config.seed, config.num_threads) == (7, 3)


def test_a_popularity_prior_takes_the_place_of_log_q_in_either_size() -> None:
    """Towers that are held against the whole catalogue would know popularity already."""
    for size in SIZES:
        training = retriever_config(size, popularity_prior=1.5).training
        assert (training.popularity_prior, training.log_q_strength) == (1.5, 0)
        assert training.negatives == Negatives.SAMPLED
        assert retriever_config(size).training.log_q_strength == 1


def test_an_unknown_size_is_refused_by_name() -> None:
    for call in (amounts, retriever_config, lambda size: ranker_config(size, bootstrap=True)):
        with pytest.raises(ValueError, match="'huge'"):
            call("huge")


def test_a_small_release_goes_on_from_its_shadow_for_an_epoch_and_a_full_one_begins_anew() -> None:
    assert goes_on("small")
    assert not goes_on("full")
    begun = retriever_config("small")
    assert going_on(begun, "small").training == replace(begun.training, epochs=1)
