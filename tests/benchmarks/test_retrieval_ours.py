from __future__ import annotations

import numpy as np

from benchmarks.retrieval_ours import CONFIG, MOST_ROWS, affordable


def test_small_data_is_learned_from_as_the_config_says() -> None:
    assert affordable(CONFIG.training, np.repeat(np.arange(1_000), 100)) == CONFIG.training


def test_larger_data_gets_fewer_epochs_then_fewer_rows_of_a_reader() -> None:
    larger = affordable(CONFIG.training, np.repeat(np.arange(4_000), 100))
    assert (larger.epochs, larger.most_per_reader) == (2, CONFIG.training.most_per_reader)
    largest = affordable(CONFIG.training, np.repeat(np.arange(50_000), 100))
    assert (largest.epochs, largest.most_per_reader) == (1, MOST_ROWS // 50_000)
