from __future__ import annotations

import numpy as np

from retrieval.sources.standing_order import StandingOrder
from tests.retrieval.sources.states import NOTHING

ORDER = StandingOrder.of(np.array([30, 10, 20]), ["en", "de", ""])


def test_everything_is_allowed_to_somebody_who_gave_no_language() -> None:
    assert ORDER.allowed((), NOTHING).first(3).tolist() == [0, 1, 2]


def test_a_language_that_is_not_known_passes_and_another_does_not() -> None:
    assert ORDER.allowed(("de", "fr"), NOTHING).first(3).tolist() == [1, 2]
    assert ORDER.allowed(("de", "fr"), NOTHING).first_of(np.array([2, 0, 1]), 3).tolist() == [2, 1]


def test_excluded_items_do_not_pass_and_unknown_ones_do_no_harm() -> None:
    allowed = ORDER.allowed((), np.array([20, 99, 20]))
    assert allowed.first(3).tolist() == [0, 1]
    assert allowed.first_of(np.array([2, 1]), 3).tolist() == [1]


def test_an_empty_order_allows_nothing() -> None:
    assert StandingOrder.of(NOTHING, []).allowed(("en",), np.array([1])).first(3).tolist() == []


def test_a_long_order_is_looked_through_until_enough_was_found() -> None:
    rng = np.random.default_rng(0)
    codes = rng.choice(["en", "de", "nl"], 20_000, p=[0.97, 0.02, 0.01]).tolist()
    order = StandingOrder.of(rng.permutation(20_000), codes)
    exclude = rng.choice(20_000, 9_000, replace=False)
    rows = np.array([row for row, code in enumerate(codes) if code != "en"])
    rows = rows[~np.isin(order.items.item_ids[rows], exclude)]
    allowed = order.allowed(("de", "nl"), exclude)
    for k in (1, 50, 20_000):
        assert allowed.first(k).tolist() == rows[:k].tolist()
        assert (
            allowed.first(k, begin=5_000, end=15_001).tolist() == rows[(rows >= 5_000) & (rows < 15_001)][:k].tolist()
        )
        assert allowed.first_of(np.arange(3, 20_000), k).tolist() == rows[rows >= 3][:k].tolist()
