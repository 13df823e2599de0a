from __future__ import annotations

import numpy as np
import pytest

from retrieval.sources.item_table import ItemTable


def test_the_newest_item_comes_first_and_of_equals_the_lower_id() -> None:
    table = ItemTable(np.array([9, 7, 8]), np.array([1.0, 5.0, 1.0]))
    assert table.item_ids[table.newest_first()].tolist() == [7, 8, 9]


def test_an_item_that_is_not_in_the_table_has_no_known_language() -> None:
    table = ItemTable(np.array([9, 7]), np.zeros(2), ["en", "de"])
    assert table.languages_of(np.array([7, 3, 9])) == ["de", "", "en"]


def test_without_languages_none_is_known() -> None:
    assert ItemTable(np.array([9]), np.zeros(1)).languages_of(np.array([9])) == [""]


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="parallel"):
        ItemTable(np.array([1, 2]), np.zeros(2), ["en"])
    with pytest.raises(ValueError, match="finite"):
        ItemTable(np.array([1]), np.array([np.nan]))
    with pytest.raises(ValueError, match="repeat"):
        ItemTable(np.array([1, 1]), np.zeros(2))
