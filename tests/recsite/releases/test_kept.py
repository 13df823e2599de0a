from __future__ import annotations

import numpy as np
import pytest

from recsite.funnel.catalogue import Catalogue
from recsite.releases.kept import Kept, kept, rebuilt, with_catalogue_of, with_vectors
from recsite.releases.loading import LoadedRelease
from retrieval.index import ItemVectors
from tests.recsite.funnel.world import fusion_ranker, reader_query, small_catalogue, small_stage
from tests.retrieval.worlds import catalogue

NONE = ItemVectors.none(16)
LIKE_100 = small_stage().item_vectors[:1]


def loaded(vectors: ItemVectors = NONE, release_id: int = 1) -> LoadedRelease:
    return LoadedRelease(release_id, "1" * 64, small_stage(), fusion_ranker(), vectors)


def without(first: int) -> Catalogue:
    """Of 24 items, all but the first few, as if they were hidden."""
    return small_catalogue(items=catalogue().slice(first))


def many_hidden() -> Kept:
    return kept(loaded(), without(4))


def answers(held: Kept) -> list[list[tuple[int, float]]]:
    found = [held.funnel.stage.index.search(query, 30) for query in np.eye(16, dtype=np.float32)]
    return [list(zip(each.item_ids.tolist(), each.scores.tolist(), strict=True)) for each in found]


def test_up_to_a_tenth_of_dead_rows_is_left_as_it_is() -> None:
    held = kept(loaded(), without(2))
    assert held.funnel.stage.index.open_rows.closed_share > 0
    assert rebuilt(held) is held


def test_past_a_tenth_the_index_is_built_anew_and_answers_the_same() -> None:
    held = many_hidden()
    again = rebuilt(held)
    index = again.funnel.stage.index
    assert held.funnel.stage.index.needs_rebuild
    assert (index.open_rows.closed_share, len(index.delta), len(index)) == (0, 0, 20)
    assert answers(again) == answers(held)
    assert again.funnel.ranked(reader_query(0)).item_ids().tolist() == (
        held.funnel.ranked(reader_query(0)).item_ids().tolist()
    )
    assert rebuilt(again) is again


def test_the_stage_of_training_stays_what_it_was() -> None:
    again = rebuilt(many_hidden())
    assert again.loaded.base is small_stage()
    assert len(again.loaded.base.index) == 24


@pytest.mark.parametrize("hidden", [0, 3, 5])
def test_later_changes_are_stacked_on_what_was_built_anew(hidden: int) -> None:
    """Items that come back have the vectors of training again."""
    again = rebuilt(many_hidden())
    later = with_catalogue_of(again, without(hidden))
    assert later.funnel.stage.index.base is again.base.base
    assert answers(later) == answers(kept(loaded(), without(hidden)))


def test_vectors_that_it_holds_are_not_stacked_again() -> None:
    new = ItemVectors(np.array([101, 110, 111]), np.repeat(LIKE_100, 3, axis=0))
    again = rebuilt(kept(loaded(new), without(0)))
    assert again.base is not small_stage().index
    assert not len(with_catalogue_of(again, without(1)).funnel.stage.index.delta)

    changed = ItemVectors(np.array([101, 110, 111]), np.concatenate([-LIKE_100, LIKE_100, LIKE_100]))
    later = with_vectors(again, changed)
    assert later.funnel.stage.index.delta.item_ids.tolist() == [101]
    assert answers(later) == answers(kept(loaded(changed), without(0)))


def test_a_release_with_the_same_retriever_takes_the_index_over() -> None:
    again = rebuilt(many_hidden())
    same = kept(loaded(release_id=2), without(4), beside=[again])
    embedded_since = loaded(ItemVectors(np.array([104]), LIKE_100), release_id=3)
    other = kept(embedded_since, without(4), beside=[again])
    assert same.base is other.base is again.base
    assert (same.release_id, other.release_id) == (2, 3)
    assert not other.funnel.stage.index.needs_rebuild
    assert answers(other) == answers(kept(embedded_since, without(4)))
