"""What first items are like as a whole, in a world of 24 items whose readers like odd or even ones."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa

from recsite.funnel.as_of import HistoryCatalogues
from recsite.training.asking import FunnelInTime
from recsite.training.gate import Shape
from recsite.training.shapes import measure_shape
from tests.recsite.funnel.world import fusion_ranker, small_stage
from tests.recsite.training.histories import make_positive, make_positives, small_history
from tests.retrieval.worlds import START

AT = START + timedelta(days=3)


def shape_of(lately: pa.Table) -> Shape:
    history = small_history()
    catalogues = HistoryCatalogues(history.items, history.interactions())
    return measure_shape(FunnelInTime(small_stage(), fusion_ranker(), catalogues), lately, AT)


def alike(readers: int) -> list[object]:
    return [make_positive(reader, 101, AT - timedelta(hours=1), history=(103, 105)) for reader in range(1, readers + 1)]


def test_readers_of_one_state_get_the_same_items() -> None:
    found = shape_of(make_positives(*alike(5)))
    assert found.overlap == 1
    assert found.coverage == 10 / 24


def test_readers_of_different_taste_get_different_items() -> None:
    others = [make_positive(reader, 102, AT - timedelta(hours=1), history=(104, 106, 108)) for reader in range(11, 16)]
    found = shape_of(make_positives(*alike(5), *others))
    assert found.overlap < 1
    assert found.coverage > 10 / 24


def test_everybody_is_asked_about_once_however_much_they_chose() -> None:
    often = [make_positive(1, 101, AT - timedelta(hours=hours), history=(103, 105)) for hours in range(1, 9)]
    assert shape_of(make_positives(*often)) == Shape(coverage=10 / 24, overlap=0)


def test_the_same_readers_are_drawn_each_time() -> None:
    lately = small_history().between(START, AT)
    assert len(np.unique(lately["reader_id"])) > 1
    assert shape_of(lately) == shape_of(lately)
