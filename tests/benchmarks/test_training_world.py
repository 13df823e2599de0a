from __future__ import annotations

import numpy as np

from benchmarks.training_world import TrainingWorld

WORLD = TrainingWorld(rows=60_000, num_items=1000, days=3, seed=1)


def test_a_world_has_the_rows_that_were_asked_for_and_divides_no_reader() -> None:
    readers = [set(table["reader_id"].to_pylist()) for table in WORLD.tables()]
    assert sum(len(table) for table in WORLD.tables()) == 60_000
    assert not readers[0] & readers[1]


def test_choices_are_of_the_catalogue_and_skewed() -> None:
    counts = np.bincount(np.concatenate([table["item_id"].to_numpy() for table in WORLD.tables()]), minlength=1000)
    assert len(counts) == len(WORLD.items()) == 1000
    assert counts[:10].sum() > 5 * counts[500:510].sum() > 0


def test_everything_happened_within_the_days() -> None:
    times = [moment for table in WORLD.tables() for moment in table["happened_at"].to_pylist()]
    assert max(times) < WORLD.until
    assert (max(times) - min(times)).days == 2
