from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from ranking.caps import cap_keys_of
from ranking.request import NONE
from recsite.funnel.catalogue import Catalogue, Counts
from retrieval.candidates import NO_CANDIDATES, Candidates
from retrieval.query_state import QueryState
from tests.recsite.funnel.test_item_facts import three_items
from tests.recsite.funnel.world import small_catalogue
from tests.retrieval.worlds import UNTIL

AT_S = UNTIL.timestamp()
LATER_S = (UNTIL + timedelta(days=2)).timestamp()
NOBODY = np.empty(0, np.int64)


def of_three(popular: dict[int, float] | None = None, counts: Counts | None = None) -> Catalogue:
    scores = popular or {}
    named = Candidates(np.array(list(scores), np.int64), np.array(list(scores.values()), np.float32))
    return Catalogue.of(
        three_items(), counts or Counts.none(), named, NO_CANDIDATES, counts_as_of=None, version="three"
    )


def test_counts_stand_beside_their_items_and_others_have_none() -> None:
    by_window = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    counts = Counts(np.array([20, 99]), views=10 * by_window, clicks=by_window, dismissals=0 * by_window)
    table = of_three(counts=counts).table
    assert table.clicks.tolist() == [[0, 1, 0], [0, 3, 0], [0, 5, 0]]
    assert table.views[:, 1].tolist() == [10, 30, 50]
    assert table.dismissals.sum() == 0
    assert table.vectors.shape == (3, 0)


def test_popularity_is_the_share_of_items_with_a_lower_score() -> None:
    assert of_three().table.popularity.tolist() == [0, 0, 0]
    assert of_three({20: 9.0, 30: 2.0}).table.popularity.tolist() == pytest.approx([0, 2 / 3, 1 / 3])


def test_what_is_popular_but_not_in_the_catalogue_is_dropped() -> None:
    found = of_three({99: 9.0, 20: 2.0, 10: 1.0}).popular.candidates(QueryState(at=UNTIL), 5, exclude=NOBODY)
    assert found.item_ids.tolist() == [20, 10]
    assert found.scores.tolist() == [2, 1]


def test_a_reader_gets_what_is_popular_in_her_languages_or_in_none() -> None:
    state = QueryState(at=UNTIL, languages=("nl",))
    found = of_three({10: 3.0, 20: 2.0, 30: 1.0}).popular.candidates(state, 5, exclude=NOBODY)
    assert found.item_ids.tolist() == [20, 30]


def test_what_is_dated_ahead_or_unknown_is_not_out() -> None:
    ids = np.array([10, 20, 30, 99])
    assert of_three().is_out(ids, AT_S).tolist() == [True, True, False, False]
    assert of_three().is_out(ids, LATER_S).tolist() == [True, True, True, False]


def test_cap_keys_are_those_of_the_table_also_for_an_item_that_is_not_known() -> None:
    ids = np.array([30, 99, 10, 20])
    found = of_three().cap_keys(ids)
    assert found.tolist() == [[7, 4], [NONE, NONE], [5, 4], [NONE, NONE]]
    assert found.tolist() == cap_keys_of(of_three().table, ids).tolist()


def test_outside_are_all_that_are_out_in_the_readers_languages() -> None:
    everything = of_three()
    assert everything.outside(frozenset(), AT_S).item_ids.tolist() == [10, 20]
    assert everything.outside(frozenset(), LATER_S).item_ids.tolist() == [10, 20, 30]
    dutch = everything.outside(frozenset({"nl", "fr"}), LATER_S)
    assert dutch.item_ids.tolist() == [20, 30]
    assert dutch.cap_keys.tolist() == [[NONE, NONE], [7, 4]]
    assert dutch.rule == "published, in fr, nl"


def test_outside_is_made_once_until_another_item_is_out() -> None:
    everything = of_three()
    first = everything.outside(frozenset({"en"}), AT_S)
    assert everything.outside(frozenset({"en"}), AT_S + 60) is first
    assert everything.outside(frozenset({"en"}), LATER_S) is not first


def test_the_rule_of_many_languages_fits_the_log() -> None:
    many = frozenset(f"x{number:03}" for number in range(90))
    assert len(of_three().outside(many, AT_S).rule) <= 200


def test_new_counts_share_the_facts_of_the_items() -> None:
    before = small_catalogue()
    after = Catalogue.of_facts(
        before.facts, Counts.none(), NO_CANDIDATES, NO_CANDIDATES, counts_as_of=UNTIL, version="next"
    )
    assert after.fresh is before.fresh
    assert before.table.clicks.sum() > after.table.clicks.sum() == 0
    assert len(after) == len(before) == 24


def test_an_empty_catalogue_answers_everything() -> None:
    empty = small_catalogue(items=three_items().slice(0, 0))
    ids = np.array([1, 2])
    assert empty.is_out(ids, AT_S).tolist() == [False, False]
    assert empty.cap_keys(ids).tolist() == [[NONE, NONE]] * 2
    assert len(empty.outside(frozenset(), AT_S)) == 0


def test_counts_that_do_not_fit_are_refused() -> None:
    columns = np.zeros((3, 2), np.float32)
    with pytest.raises(ValueError, match="views is"):
        Counts(np.array([1, 2, 3]), columns, columns, columns)
    with pytest.raises(ValueError, match="must rise"):
        Counts(np.array([2, 1]), columns, columns, columns)
