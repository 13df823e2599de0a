from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa

from recsite.funnel.as_of import HistoryCatalogues
from retrieval.interactions import Interactions
from tests.recsite.funnel.test_item_facts import three_items
from tests.recsite.funnel.world import small_catalogue, small_interactions
from tests.retrieval.worlds import START, UNTIL, catalogue

HOUR_S, DAY_S = 3_600.0, 86_400.0
MIDNIGHT_S = START.timestamp() + 10 * DAY_S


def chosen(*events: tuple[int, float]) -> Interactions:
    """(item id, hours from `MIDNIGHT_S`), each by a reader of her own."""
    ids, hours = np.array([item for item, _ in events]), np.array([hours for _, hours in events])
    return Interactions.in_order(np.arange(len(events)), ids, MIDNIGHT_S + hours * HOUR_S)


def test_clicks_are_counted_by_window_and_none_from_the_day_itself() -> None:
    history = chosen((10, -0.5), (10, -5), (20, -30), (20, -24 * 8), (30, 0), (10, 3))
    table = HistoryCatalogues(three_items(), history).at(MIDNIGHT_S + 20 * HOUR_S).table
    assert table.clicks.tolist() == [[1, 0, 0], [2, 0, 0], [2, 1, 0]]
    assert table.views.sum() == table.dismissals.sum() == 0


def test_popularity_knows_nothing_of_the_day_itself() -> None:
    history = chosen((10, -48), *[(20, hours) for hours in (1, 2, 3)])
    catalogues = HistoryCatalogues(three_items(), history)
    today, tomorrow = catalogues.at(MIDNIGHT_S + 23 * HOUR_S), catalogues.at(MIDNIGHT_S + 24 * HOUR_S)
    assert today.popular.order.items.item_ids.tolist() == [10]
    assert tomorrow.popular.order.items.item_ids.tolist() == [20, 10]
    assert today.counts_as_of is not None
    assert today.counts_as_of.timestamp() == MIDNIGHT_S
    assert today.version != tomorrow.version


def test_a_catalogue_is_that_of_serving_at_the_same_moment() -> None:
    as_of = HistoryCatalogues(catalogue(), small_interactions()).at(UNTIL.timestamp())
    served = small_catalogue()
    np.testing.assert_array_equal(as_of.table.popularity, served.table.popularity)
    np.testing.assert_array_equal(as_of.table.clicks[2], served.table.clicks[2])
    for name in ("popular", "trending"):
        mine, theirs = getattr(as_of, name), getattr(served, name)
        assert mine.order.items.item_ids.tolist() == theirs.order.items.item_ids.tolist()
        assert mine.scores.tolist() == theirs.scores.tolist()


def test_a_day_is_made_once_and_the_last_days_are_kept() -> None:
    catalogues = HistoryCatalogues(three_items(), chosen((10, -48)), most=2)
    first = catalogues.at(MIDNIGHT_S)
    assert catalogues.at(MIDNIGHT_S + 3 * HOUR_S) is first
    assert catalogues.at(MIDNIGHT_S + DAY_S).facts is first.facts
    catalogues.at(MIDNIGHT_S + 2 * DAY_S)
    assert catalogues.at(MIDNIGHT_S) is not first


def test_an_item_that_was_chosen_was_out() -> None:
    """30 is dated nine days after the history's begin, and one item has no date at all."""
    history = chosen((30, -24 * 5), (20, -24 * 4), (30, -24))
    facts = HistoryCatalogues(three_items(), history).at(MIDNIGHT_S).facts
    assert facts.published_s.tolist() == [
        START.timestamp(),
        MIDNIGHT_S - 4 * DAY_S,
        MIDNIGHT_S - 5 * DAY_S,
    ]


def test_items_that_nobody_chose_keep_their_dates() -> None:
    facts = HistoryCatalogues(three_items(), chosen((99, -24))).at(MIDNIGHT_S).facts
    assert facts.published_s[2] == (UNTIL + timedelta(days=1)).timestamp()
    assert np.isnan(facts.published_s[1])


def test_before_anything_happened_nothing_is_counted() -> None:
    table = pa.concat_tables([three_items()])
    empty = HistoryCatalogues(table, Interactions.in_order(*np.empty((3, 0)))).at(MIDNIGHT_S)
    assert empty.table.clicks.sum() == 0
    assert len(empty.popular.order.items) == 0
