from __future__ import annotations

import numpy as np
import pytest

from retrieval.sources.choosing import best
from tests.retrieval.sources.states import NOTHING


def test_the_highest_scores_come_first() -> None:
    chosen = best(np.array([7, 8, 9]), np.array([0.1, 0.9, 0.5]), 2, exclude=NOTHING)
    assert chosen.item_ids.tolist() == [8, 9]
    assert chosen.scores.tolist() == pytest.approx([0.9, 0.5])


def test_among_equals_the_lower_id_comes_first_wherever_it_stood() -> None:
    assert best(np.array([9, 7, 8]), np.ones(3), 2, exclude=NOTHING).item_ids.tolist() == [7, 8]


def test_excluding_the_best_brings_up_the_next() -> None:
    chosen = best(np.array([7, 8, 9]), np.array([0.1, 0.9, 0.5]), 1, exclude=np.array([8, 8, 1000]))
    assert chosen.item_ids.tolist() == [9]


def test_choosing_few_of_many_equals_sorting_all() -> None:
    random = np.random.default_rng(0)
    ids, scores = random.permutation(5000), random.integers(0, 40, 5000).astype(np.float32)
    exclude = random.choice(5000, 300)
    chosen = best(ids, scores, 100, exclude=exclude)
    order = [row for row in np.lexsort((ids, -scores)) if ids[row] not in set(exclude.tolist())][:100]
    assert chosen.item_ids.tolist() == ids[order].tolist()


def test_nothing_to_choose_from_is_no_error() -> None:
    assert len(best(NOTHING, np.empty(0), 5, exclude=np.array([1]))) == 0
    assert len(best(np.array([1]), np.ones(1), 5, exclude=np.array([1]))) == 0


def test_asking_for_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        best(np.array([1]), np.ones(1), 0, exclude=NOTHING)
