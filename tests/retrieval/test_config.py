from __future__ import annotations

import pytest

from retrieval.config import ConfigError, Negatives, TrainingConfig


def test_by_size_a_small_catalogue_is_taken_whole() -> None:
    assert TrainingConfig().negatives_for(20_000) == Negatives.ALL
    assert TrainingConfig().negatives_for(20_001) == Negatives.SAMPLED


@pytest.mark.parametrize(
    "options",
    [
        {"in_batch_negatives": -1},
        {"in_batch_negatives": 0, "uniform_negatives": 0},
        {"streaming_rate": 0.0},
        {"streaming_rate": 1.0},
        {"gramian_rate": 0.0},
        {"gramian_rate": 1.5},
        {"hard_negatives": 101},
        {"temperature": 0.0},
        {"half_life_days": 0.0},
    ],
)
def test_values_that_no_training_could_use_are_refused_by_name(options: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(options)).split("_")[0]):
        TrainingConfig(**options)
