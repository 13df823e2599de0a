from __future__ import annotations

import numpy as np
import pytest

from benchmarks.loop_measures import utility_of_page

OF_ITEMS = np.linspace(0.0, 1.0, 21)


def test_a_page_is_worth_the_mean_of_its_first_ten_slots() -> None:
    assert utility_of_page(OF_ITEMS, np.arange(20)) == pytest.approx(0.225)
    assert utility_of_page(OF_ITEMS, np.array([20, 10])) == pytest.approx(0.75)


def test_a_page_with_nothing_on_it_is_worth_nothing() -> None:
    assert utility_of_page(OF_ITEMS, np.empty(0, np.int64)) == 0.0
