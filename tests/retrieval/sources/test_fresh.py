from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from retrieval.sources.fresh import Fresh, FreshConfig
from retrieval.sources.item_table import ItemTable
from tests.retrieval.sources.states import AT, AT_S, DAY_S, NOTHING, reader_of

TABLE = ItemTable(np.array([1, 2, 3, 4]), AT_S + np.array([-3.0, -1.0, 0.0, 2.0]) * DAY_S, ["en", "de", "", "en"])
SOURCE = Fresh.fit(TABLE, FreshConfig())


def test_the_newest_comes_first_by_its_age_in_days() -> None:
    proposed = SOURCE.candidates(reader_of([]), 5, exclude=NOTHING)
    assert proposed.item_ids.tolist() == [3, 2, 1]
    assert proposed.scores.tolist() == [0.0, -1.0, -3.0]


def test_an_item_is_never_proposed_before_it_is_published() -> None:
    assert 4 not in SOURCE.candidates(reader_of([]), 5, exclude=NOTHING).item_ids
    later = SOURCE.candidates(reader_of([], at=AT + timedelta(days=2)), 5, exclude=NOTHING)
    assert later.item_ids.tolist() == [4, 3, 2, 1]
    earlier = SOURCE.candidates(reader_of([], at=AT - timedelta(days=9)), 5, exclude=NOTHING)
    assert len(earlier) == 0


def test_what_is_too_old_is_not_fresh() -> None:
    recent = Fresh.fit(TABLE, FreshConfig(max_age_days=1.0))
    assert recent.candidates(reader_of([]), 5, exclude=NOTHING).item_ids.tolist() == [3, 2]


def test_a_reader_gets_languages_that_she_reads_or_that_nobody_knows() -> None:
    assert SOURCE.candidates(reader_of([], languages=("en",)), 5, exclude=NOTHING).item_ids.tolist() == [3, 1]


def test_excluding_makes_room_for_the_next() -> None:
    assert SOURCE.candidates(reader_of([]), 1, exclude=np.array([3])).item_ids.tolist() == [2]


def test_an_age_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="max_age_days"):
        FreshConfig(max_age_days=0.0)
