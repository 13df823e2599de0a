from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from ranking.features import FeatureSet
from ranking.order import RetrievalOrder
from recsite.funnel.catalogue import Catalogue, Counts
from recsite.funnel.funnel import Funnel, with_catalogue, with_stage
from recsite.funnel.sources import FEATURE_SET, SOURCES
from retrieval.candidates import NO_CANDIDATES, Candidates
from retrieval.index import ItemVectors
from retrieval.query_state import QueryState
from retrieval.sources.covisitation import Covisitation, CovisitationConfig
from retrieval.sources.evidence import Evidence
from retrieval.sources.implicit_als import ImplicitAls
from retrieval.union import FusionConfig, fuse
from tests.recsite.funnel.world import (
    EVEN,
    ODD,
    boosted_ranker,
    fusion_ranker,
    reader_query,
    small_catalogue,
    small_fitted,
    small_funnel,
    small_stage,
)
from tests.retrieval.worlds import UNTIL, catalogue


@pytest.mark.parametrize("parity", [EVEN, ODD])
@pytest.mark.parametrize("reranks", [False, True])
def test_a_reader_gets_items_of_her_taste_first(parity: int, reranks: bool) -> None:
    funnel = small_funnel(boosted_ranker() if reranks else fusion_ranker())
    first = funnel.ranked(reader_query(parity)).item_ids()[:8]
    assert (first % 2 == parity).all()


def test_what_is_excluded_is_named_by_no_source() -> None:
    query = reader_query(EVEN, exclude=[100, 101, 103])
    assert not {100, 101, 103} & set(small_funnel().retrieve(query).item_ids.tolist())


def test_a_union_has_a_column_for_every_source_and_fusion_is_its_order() -> None:
    ranked = small_funnel(fusion_ranker()).ranked(reader_query(EVEN))
    assert ranked.union.sources == SOURCES
    fused = fuse(ranked.union, FusionConfig())
    assert ranked.item_ids().tolist() == fused.item_ids.tolist()


def test_items_that_are_hidden_or_not_out_yet_are_dropped_from_the_union() -> None:
    items = catalogue()
    ahead = items["published_at"].to_pylist()
    ahead[4] = UNTIL + timedelta(days=1)  # item 104
    column = items.column_names.index("published_at")
    items = items.set_column(column, "published_at", [ahead]).cast(items.schema)
    funnel = small_funnel(items=items.slice(1))  # without item 100
    query = reader_query(EVEN, length=2, seed=3, exclude=[])
    assert set(funnel.retrieve(query).item_ids.tolist()) == set(range(101, 124)) - {104}
    later = replace(query, state=replace(query.state, at=UNTIL + timedelta(days=2)))
    assert 104 in funnel.retrieve(later).item_ids


def test_what_is_ranked_is_in_the_readers_languages_as_it_is_where_serving_filters() -> None:
    items = catalogue()
    languages = ["nl" if item_id % 3 == 0 else "en" for item_id in items["item_id"].to_pylist()]
    items = items.set_column(items.schema.get_field_index("language"), "language", pa.array(languages))
    funnel = small_funnel(items=items)
    query = reader_query(EVEN)
    reads_dutch = replace(query, state=replace(query.state, languages=("nl",)))
    assert set(funnel.ranked(query).union.item_ids % 3) == {0, 1, 2}
    assert set(funnel.ranked(reads_dutch).union.item_ids % 3) == {0}


def test_a_source_that_raises_names_nothing_and_the_others_make_a_page() -> None:
    told: list[tuple[str, Exception]] = []
    query = reader_query(EVEN)
    union = of_broken_als().retrieve(query, lambda name, error: told.append((name, error)))
    assert [name for name, _ in told] == ["implicit_als"]
    column = SOURCES.index("implicit_als")
    assert np.isnan(union.scores[:, column]).all()
    assert set(union.item_ids.tolist()) == set(small_funnel().retrieve(query).item_ids.tolist())


def test_where_nobody_listens_a_failure_is_raised() -> None:
    with pytest.raises(RuntimeError, match="broken"):
        of_broken_als().retrieve(reader_query(EVEN))


def of_broken_als() -> Funnel:
    als = small_stage().als
    broken = _Broken(als.items, als.item_factors, als.gram, als.config)
    return with_stage(small_funnel(), replace(small_stage(), als=broken))


class _Broken(ImplicitAls):
    def candidates(self, state: QueryState, k: int, *, exclude: np.ndarray) -> Candidates:
        if self.name == "implicit_als":
            raise RuntimeError("broken")
        return super().candidates(state, k, exclude=exclude)


def test_a_source_may_be_skipped_and_the_others_are_asked_within_what_is_around() -> None:
    entered: list[str] = []

    @contextmanager
    def around(name: str) -> Iterator[None]:
        entered.append(name)
        yield

    union = small_funnel().retrieve(reader_query(EVEN), skip={"two_tower"}, around=around)
    assert np.isnan(union.scores[:, SOURCES.index("two_tower")]).all()
    assert entered == [name for name in SOURCES if name != "two_tower"]


def test_items_that_no_source_named_have_features_all_the_same() -> None:
    funnel = small_funnel()
    request = funnel.ranking_request(reader_query(EVEN), funnel.unnamed(np.array([103, 102])))
    features = funnel.features(request)
    assert features.shape == (2, len(FEATURE_SET))
    names = FEATURE_SET.names
    assert np.isnan(features[:, names.index("popular_rank")]).all()
    assert not np.isnan(features[:, names.index("similarity_mean")]).any()
    assert np.isfinite(funnel.scores(features)).all()


def test_views_without_a_choice_stand_beside_their_items() -> None:
    funnel = small_funnel()
    query = reader_query(EVEN, viewed={101: 3, 999: 9})
    request = funnel.ranking_request(query, funnel.retrieve(query))
    by_item = dict(zip(request.candidates.item_ids.tolist(), request.candidates.times_viewed.tolist(), strict=True))
    assert by_item[101] == 3
    assert sum(by_item.values()) == 3


def test_covisited_goes_by_the_last_two_choices_alone() -> None:
    funnel, query = small_funnel(), reader_query(EVEN)
    request = funnel.ranking_request(query, funnel.retrieve(query))
    newest = Covisitation.fit(small_fitted().graph, CovisitationConfig(Evidence(last_items=2, recency=0.5)))
    found = newest.candidates(query.state, 24, exclude=np.empty(0, np.int64))
    amounts = dict(zip(found.item_ids.tolist(), found.scores.tolist(), strict=True))
    expected = [amounts.get(item, 0.0) for item in request.candidates.item_ids.tolist()]
    assert request.candidates.covisited.tolist() == pytest.approx(expected)
    assert 0 < sum(amount > 0 for amount in expected) < len(expected)


def test_somebody_new_gets_a_page_too() -> None:
    ranked = small_funnel().ranked(reader_query(EVEN, length=0))
    assert len(ranked.union) == 24
    assert np.isfinite(ranked.scores).all()
    assert (ranked.request.candidates.covisited == 0).all()


def test_the_empty_catalogue_gives_an_empty_answer() -> None:
    ranked = small_funnel(items=catalogue().slice(0, 0)).ranked(reader_query(EVEN))
    assert len(ranked.item_ids()) == 0


def test_a_ranker_of_other_sources_is_refused() -> None:
    other = replace(fusion_ranker(), order=RetrievalOrder(FeatureSet.of(["oracle", "popular"])))
    with pytest.raises(ValueError, match="oracle"):
        Funnel.of(small_stage(), other, small_catalogue())


def test_a_new_catalogue_of_the_same_items_shares_the_vectors_and_changes_the_counts() -> None:
    funnel = small_funnel()
    quiet = Catalogue.of_facts(
        funnel.catalogue.facts, Counts.none(), NO_CANDIDATES, NO_CANDIDATES, counts_as_of=UNTIL, version="quiet"
    )
    after = with_catalogue(funnel, quiet)
    assert after.prepared.table.vectors is funnel.prepared.table.vectors
    assert (after.prepared.table.popularity == 0).all()
    assert len(after.sources[SOURCES.index("popular")].candidates(reader_query(ODD).state, 5, exclude=np.empty(0))) == 0


def test_a_new_catalogue_of_other_items_gets_vectors_of_its_own() -> None:
    after = with_catalogue(small_funnel(), small_catalogue(items=catalogue().slice(3)))
    np.testing.assert_array_equal(after.prepared.table.vectors, small_stage().item_vectors[3:])
    assert after.retrieve(reader_query(EVEN, exclude=[])).item_ids.min() == 103


def test_a_published_item_is_retrieved_and_compared_once_its_vector_is_there() -> None:
    new = catalogue(26)  # 124 and 125
    funnel = with_catalogue(small_funnel(), small_catalogue(items=new))
    column = SOURCES.index("two_tower")
    assert np.isnan(named(funnel, 124)[column])
    vectors = small_stage().candidate_tower.embed(new.slice(24), UNTIL.timestamp())
    grown = with_stage(funnel, small_stage().with_changes(ItemVectors(np.array([124, 125]), vectors)))
    assert not np.isnan(named(grown, 124)[column])
    np.testing.assert_array_equal(grown.prepared.table.vectors[-2:], vectors)


def named(funnel: Funnel, item_id: int) -> np.ndarray:
    union = funnel.retrieve(reader_query(EVEN))
    return union.scores[union.item_ids.tolist().index(item_id)]
