from __future__ import annotations

import pytest

from retrieval.config import MOST_HARD_SCORES, ConfigError, Negatives, TrainingConfig


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


def test_hard_negatives_of_too_many_scores_are_refused_with_what_is_allowed() -> None:
    config = TrainingConfig(hard_negatives=4, batch_size=512)
    most = MOST_HARD_SCORES // 512
    assert config.negatives_for(most) == Negatives.SAMPLED
    with pytest.raises(ConfigError, match=f"a batch_size of {MOST_HARD_SCORES // (most + 1)}, .* {most} items"):
        config.negatives_for(most + 1)
