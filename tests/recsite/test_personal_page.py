"""A page of the small release, whose readers love even or odd items."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from catalog.models import Item
from ranking.propensity import Branch
from recsite.funnel.query import FunnelQuery
from recsite.metrics import SOURCE_FAILURES
from recsite.personal_page import NoCandidates, PageRequest, make_page, outside_of
from recsite.reader_state import ReaderState, read_state
from recsite.source_watch import SourceWatch
from retrieval.content import ITEM_CONTENT
from tests.factories import make_item
from tests.recsite.funnel.world import small_catalogue, small_funnel
from tests.recsite.released import NOW, make_lover, make_world
from tests.retrieval.worlds import EVEN_TOPIC, ODD_TOPIC, START, catalogue

pytestmark = pytest.mark.django_db
STRANGER = 500


@pytest.fixture
def items() -> dict[int, Item]:
    return make_world()


def asked(state: ReaderState, **changes: Any) -> PageRequest:
    return PageRequest(**{"state": state, "shown": (), "now": NOW, "size": 6, **changes})


def lover(parity: int, items: dict[int, Item]) -> ReaderState:
    return read_state(reader=make_lover(parity, items), languages=frozenset(), now=NOW)


@pytest.mark.parametrize("parity", [0, 1])
def test_readers_of_different_taste_get_different_pages(items: dict[int, Item], parity: int) -> None:
    page = make_page(small_funnel(), asked(lover(parity, items), size=4))
    assert [item_id % 2 for item_id in page.drawn.item_ids] == [parity] * 4


def test_nothing_known_or_shown_comes_again(items: dict[int, Item]) -> None:
    state = lover(0, items)
    first = make_page(small_funnel(), asked(state)).drawn
    second = make_page(small_funnel(), asked(state, shown=first.item_ids)).drawn
    assert not set(first.item_ids) & set(second.item_ids)
    assert not {*first.item_ids, *second.item_ids} & state.consumed
    assert second.first_position == 6


def test_what_was_hidden_a_moment_ago_and_what_the_reader_hides_is_removed_with_its_reason(
    items: dict[int, Item],
) -> None:
    state = lover(0, items)
    before = make_page(small_funnel(), asked(state)).drawn.item_ids
    Item.objects.filter(pk=before[0]).update(hidden=True)
    page = make_page(small_funnel(), asked(state))
    assert page.removed == {before[0]: "not_public"}
    assert before[0] not in page.drawn.ranked.item_ids
    assert before[0] not in page.drawn.item_ids
    hider = ReaderState(history=state.history, hidden_topic_ids=frozenset({EVEN_TOPIC}))
    assert {item_id % 2 for item_id in make_page(small_funnel(), asked(hider, size=20)).drawn.item_ids} == {1}


def test_where_everything_that_is_best_is_gone_the_rest_is_shown(items: dict[int, Item]) -> None:
    """The catalogue here still has them; each draw finds others that the database hides."""
    state = lover(0, items)
    all_of_them = make_page(small_funnel(), asked(state, size=24)).drawn.item_ids
    left = set(all_of_them[-3:])
    Item.objects.exclude(pk__in=left).update(hidden=True)
    page = make_page(small_funnel(), asked(state, size=4, exploration_share=0.5))
    assert set(page.drawn.item_ids) == left
    assert set(page.drawn.ranked.item_ids.tolist()) == left
    assert set(page.removed.values()) == {"not_public"}
    Item.objects.update(hidden=True)
    with pytest.raises(NoCandidates, match="gone"):
        make_page(small_funnel(), asked(state))


def test_the_page_follows_the_order_and_its_features_are_those_that_were_scored(items: dict[int, Item]) -> None:
    page = make_page(small_funnel(), asked(lover(1, items)))
    funnel = page.funnel
    ranked = funnel.ranked(page.query)
    assert page.drawn.ranked.item_ids.tolist() == ranked.item_ids().tolist()
    scores = funnel.scores(page.slot_features())
    np.testing.assert_array_equal(scores, [slot.score for slot in page.drawn.slots])


def with_a_stranger() -> pa.Table:
    """The catalogue and an item that no source names: the towers never met it, and nobody knows when it came out."""
    stranger = {"item_id": STRANGER, "title": "", "summary": "", "topics": [ODD_TOPIC], "author": 1, "language": "en"}
    return pa.concat_tables([catalogue(), pa.Table.from_pylist([stranger], schema=ITEM_CONTENT)])


def test_items_that_no_source_named_have_features_too(items: dict[int, Item]) -> None:
    make_item(pk=STRANGER, published_at=START)
    funnel = small_funnel(items=with_a_stranger())
    drawn = 0
    for seed in range(20):
        page = make_page(funnel, asked(lover(0, items), exploration_share=1.0, seed=seed))
        assert page.slot_features().shape == (6, len(funnel.ranker.feature_set))
        for slot, row in zip(page.drawn.slots, page.slot_features(), strict=True):
            if slot.item_id == STRANGER:
                drawn += 1
                named = dict(zip(funnel.ranker.feature_set.names, row.tolist(), strict=True))
                assert slot.branch == Branch.OUTSIDE
                assert (named["num_sources"], named["popularity"]) == (0, 0)
                assert np.isnan(named["two_tower_rank"])
    assert drawn


def test_what_was_hidden_a_moment_ago_is_not_drawn_from_outside(items: dict[int, Item]) -> None:
    make_item(pk=STRANGER, published_at=START, hidden=True)
    funnel = small_funnel(items=with_a_stranger())
    for seed in range(20):
        page = make_page(funnel, asked(lover(0, items), exploration_share=1.0, seed=seed))
        assert STRANGER not in page.drawn.item_ids
        assert len(page.drawn.slots) == 6


def test_a_source_that_fails_is_counted_and_the_others_make_the_page(
    items: dict[int, Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("an index that is broken")

    monkeypatch.setattr("retrieval.retriever.Retriever.candidates", fail)
    before = SOURCE_FAILURES.labels("two_tower")._value.get()
    page = make_page(small_funnel(), asked(lover(0, items)))
    assert len(page.drawn.slots) == 6
    assert SOURCE_FAILURES.labels("two_tower")._value.get() == before + 1


def test_a_source_that_rests_is_not_asked(items: dict[int, Item], monkeypatch: pytest.MonkeyPatch) -> None:
    watch = SourceWatch()
    monkeypatch.setattr(watch, "resting", lambda: frozenset({"two_tower"}))
    named = make_page(small_funnel(), asked(lover(0, items)), watch).named
    ranks = dict(zip(named.sources, named.ranks.T, strict=True))
    assert (ranks["two_tower"] < 0).all()
    assert (ranks["popular"] >= 0).any()


def test_when_nothing_may_be_shown_it_says_so(items: dict[int, Item]) -> None:
    Item.objects.update(hidden=True)
    with pytest.raises(NoCandidates):
        make_page(small_funnel(), asked(ReaderState()))


def test_outside_is_what_the_reader_reads_without_what_they_hide() -> None:
    catalogue = small_catalogue()
    assert len(outside_of(catalogue, ReaderState(), NOW)) == 24
    assert len(outside_of(catalogue, ReaderState(languages=frozenset({"de"})), NOW)) == 0
    hider = ReaderState(hidden_topic_ids=frozenset({ODD_TOPIC}), hidden_author_ids=frozenset({0}))
    outside = outside_of(catalogue, hider, NOW)
    assert outside.item_ids.tolist() == [item for item in range(100, 124) if item % 2 == 0 and item % 3]
    assert "hides" in outside.rule


def test_the_query_is_the_state_at_that_moment(items: dict[int, Item]) -> None:
    page = make_page(small_funnel(), asked(lover(0, items), columns=3))
    assert isinstance(page.query, FunnelQuery)
    assert (page.query.columns, page.query.state.at) == (3, NOW)
