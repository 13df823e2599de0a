from __future__ import annotations

import numpy as np

from retrieval.sources.standing_order import StandingOrder
from tests.retrieval.sources.states import NOTHING

ORDER = StandingOrder.of(np.array([30, 10, 20]), ["en", "de", ""])


def test_everything_is_allowed_to_somebody_who_gave_no_language() -> None:
    assert ORDER.allowed((), NOTHING).tolist() == [True, True, True]


def test_a_language_that_is_not_known_passes_and_another_does_not() -> None:
    assert ORDER.allowed(("de", "fr"), NOTHING).tolist() == [False, True, True]


def test_excluded_items_do_not_pass_and_unknown_ones_do_no_harm() -> None:
    assert ORDER.allowed((), np.array([20, 99, 20])).tolist() == [True, True, False]


def test_an_empty_order_allows_nothing() -> None:
    assert StandingOrder.of(NOTHING, []).allowed(("en",), np.array([1])).tolist() == []
