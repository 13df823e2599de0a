"""What of a release's page is sent and logged."""

from __future__ import annotations

import numpy as np
import pytest

from catalog.models import Item
from feedback.models import Slate as SlateRow
from ranking.reasons import Why
from recsite.personal_page import PageRequest, make_page
from recsite.personal_slate import kept_out_counts, slate_of
from recsite.reader_state import ReaderState, read_state
from recsite.slates import Slate
from tests.recsite.funnel.world import small_funnel
from tests.recsite.released import NOW, RELEASE, make_lover, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def items() -> dict[int, Item]:
    return make_world()


def served(items: dict[int, Item], *, size: int = 6, exploration_share: float = 0.0, seed: int = 0) -> Slate:
    state = read_state(reader=make_lover(0, items), languages=frozenset(), now=NOW)
    asked = PageRequest(state, (), NOW, size, exploration_share=exploration_share, seed=seed)
    return slate_of(make_page(small_funnel(), asked), release=RELEASE, fallback=None)


def test_a_greedy_page_says_how_sure_it_was_and_who_named_each_item(items: dict[int, Item]) -> None:
    slate = served(items)
    assert (slate.release, slate.policy.name, slate.policy.fallback) == (RELEASE, "funnel", None)
    for entry in slate.entries:
        assert (entry.branch, entry.propensity) == (SlateRow.Branch.GREEDY, 1.0)
        assert entry.greedy_item_id == entry.item_id
        assert entry.source in {named.source for named in entry.named_by}
        assert min(named.rank for named in entry.named_by if named.source == entry.source) >= 0
        assert all(named.score is None or np.isfinite(named.score) for named in entry.named_by)
    assert {entry.reason.why for entry in slate.entries if entry.reason} <= {
        Why.CHOSEN_ITEM,
        Why.LIKED_TOPIC,
        Why.LIKED_AUTHOR,
        Why.FOR_YOU,
        Why.POPULAR,
        Why.POPULAR_IN_TOPIC,
        Why.TRENDING,
        Why.NEW_FROM_AUTHOR,
        Why.NEW,
        Why.IN_TOPIC,
    }


def test_candidates_are_logged_in_scored_order_with_their_sources(items: dict[int, Item]) -> None:
    candidates = served(items).candidates
    scores = [score for score in candidates.scores if score is not None]
    assert scores == sorted(scores, reverse=True)
    assert len(candidates.item_ids) == len(candidates.named_by) == 20
    assert all(candidates.named_by)
    assert any("two_tower" in sources for sources in candidates.named_by)


def test_features_are_rows_of_the_slots(items: dict[int, Item]) -> None:
    slate = served(items)
    assert slate.features is not None
    rows = np.frombuffer(slate.features, "<f4").reshape(6, -1)
    funnel = small_funnel()
    assert rows.shape[1] == len(funnel.ranker.feature_set)
    assert slate.feature_set == funnel.ranker.feature_set.id
    np.testing.assert_array_equal(funnel.scores(rows), np.array([entry.score for entry in slate.entries], np.float32))


def test_an_exploring_page_keeps_its_pool_its_seed_and_propensities(items: dict[int, Item]) -> None:
    slate = served(items, exploration_share=1.0, seed=5)
    assert slate.seed == 5
    assert slate.policy.parameters["epsilon"] == 1.0
    assert all(entry.propensity is not None and 0 < entry.propensity <= 1 for entry in slate.entries)
    pool = slate.candidates.pool
    assert pool is not None
    assert len(pool.item_ids) == len(pool.scores) == len(pool.cap_keys)


def test_the_log_says_in_which_languages_was_asked(items: dict[int, Item]) -> None:
    """A browser may have told them: then nothing else in the log does, and features could not be built again."""
    state = ReaderState(languages=frozenset({"sv", "en"}))
    page = make_page(small_funnel(), PageRequest(state, (), NOW, 3))
    assert slate_of(page, release=RELEASE, fallback=None).policy.parameters["languages"] == ["en", "sv"]


def test_what_sources_were_told_to_pass_over_is_counted_once_each() -> None:
    state = ReaderState(
        consumed=frozenset({1, 2}), chosen=frozenset({2, 3}), dismissed=frozenset({4}), already_seen=frozenset({4, 5})
    )
    assert kept_out_counts(state, (1,)) == {"shown": 1, "dismissed": 1, "already_seen": 1, "consumed": 1, "chosen": 1}
