"""Retrieval and ranking joined: a query in, candidates with features and scores out. Serving, training and the gate
all ask here, so that what is measured is what is served."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ranking.artefact import RankerArtefact
from ranking.features import build_features
from ranking.order import best_first
from ranking.prepared_items import PreparedItems
from ranking.request import CandidateColumns, RankingRequest, SourceColumns
from recsite.funnel.catalogue import Catalogue
from recsite.funnel.item_vectors import unit_vectors
from recsite.funnel.query import FunnelQuery
from recsite.funnel.sources import CANDIDATES_PER_SOURCE, SOURCES
from retrieval.candidates import NO_CANDIDATES, Candidates, Source
from retrieval.query_state import QueryState
from retrieval.sources.covisitation import Covisitation, CovisitationConfig
from retrieval.sources.evidence import Evidence
from retrieval.stage import RetrievalStage
from retrieval.union import NOT_NAMED, Union, unite

_NEWEST_CHOICES = CovisitationConfig(Evidence(last_items=2, recency=0.5))


@dataclass(frozen=True, eq=False)
class Ranked:
    """All that a funnel says to one query. features: (n, columns of the feature set) float32, scores: (n,) float32, a
    row an item of the union."""

    union: Union
    request: RankingRequest
    features: np.ndarray
    scores: np.ndarray

    def item_ids(self) -> np.ndarray:
        """(n,) int64, the best first; among equals the lower id."""
        return self.union.item_ids[best_first(self.scores)]


@dataclass(frozen=True, eq=False)
class Funnel:
    """One release with the catalogue of one moment. Never changes; asked from many threads.

    prepared: the catalogue's items with the stage's vectors, of norm 1, and 0 for an item that it has none of.
    Raises ValueError for a ranker that reads sources that no funnel asks.
    """

    stage: RetrievalStage
    ranker: RankerArtefact
    catalogue: Catalogue
    prepared: PreparedItems

    def __post_init__(self) -> None:
        unknown = sorted(set(self.ranker.feature_set.sources) - set(SOURCES))
        if unknown:
            raise ValueError(f"The ranker reads {unknown}, but a funnel asks {SOURCES}. Train it again.")
        _ = self.sources  # made now, where a swap prepares it, and not in the first reader's request

    @classmethod
    def of(cls, stage: RetrievalStage, ranker: RankerArtefact, catalogue: Catalogue) -> Funnel:
        return cls(stage, ranker, catalogue, _prepared(catalogue, unit_vectors(stage, catalogue.facts.item_ids)))

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """In the order of `SOURCES`."""
        catalogue = self.catalogue
        of_all = (catalogue.popular, catalogue.trending, catalogue.fresh, catalogue.followed)
        return tuple(sorted((*self.stage.personal_sources(), *of_all), key=lambda source: source.name))

    def retrieve(
        self,
        query: FunnelQuery,
        on_failure: Callable[[str, Exception], None] | None = None,
        *,
        skip: Collection[str] = (),
        around: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> Union:
        """What the sources name, up to `CANDIDATES_PER_SOURCE` each, none of `query.exclude`, and nothing that the
        catalogue does not know or that is not out yet.

        on_failure: is told of a source that raised, by its name, which then names nothing; without it, that is raised.
        skip: names of sources that are not asked.  around: what is entered while the source of that name is asked: to
        time it.
        """
        named = {}
        for source in self.sources:
            named[source.name] = NO_CANDIDATES
            if source.name not in skip:
                with around(source.name):
                    named[source.name] = _asked(source, query, on_failure)
        return self._eligible(unite(named), query.state)

    def unnamed(self, item_ids: np.ndarray) -> Union:
        """Items that no source named, to be ranked or looked at nevertheless. item_ids: (n,) int64, unique."""
        shape = (len(item_ids), len(SOURCES))
        return Union(item_ids, SOURCES, np.full(shape, np.nan, np.float32), np.full(shape, NOT_NAMED, np.int32))

    def ranking_request(self, query: FunnelQuery, union: Union) -> RankingRequest:
        viewed = [query.viewed.get(item_id, 0) for item_id in union.item_ids.tolist()]
        candidates = CandidateColumns(
            item_ids=union.item_ids,
            sources=_said(union),
            times_viewed=np.array(viewed, np.float32),
            covisited=self._covisited(query.state, union.item_ids),
        )
        return RankingRequest(candidates, query.reader(self.catalogue.language_codes), query.context())

    def features(self, request: RankingRequest) -> np.ndarray:
        """(n, columns of the ranker's feature set) float32."""
        return build_features(request, self.prepared, self.ranker.feature_set)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n,) float32, the highest first."""
        return self.ranker.order.scores(features)

    def ranked(self, query: FunnelQuery) -> Ranked:
        """Everything at once, as training and the gate ask: serving's filters look into the database, and of those only
        the one by language, which decides on most candidates, holds here too."""
        union = self.retrieve(query)
        is_read = self.catalogue.is_read(union.item_ids, query.state.languages)
        union = union if is_read.all() else union.only(union.item_ids[is_read])
        request = self.ranking_request(query, union)
        features = self.features(request)
        return Ranked(union, request, features, self.scores(features))

    def _eligible(self, union: Union, state: QueryState) -> Union:
        is_out = self.catalogue.is_out(union.item_ids, state.at.timestamp())
        return union if is_out.all() else union.only(union.item_ids[is_out])

    @cached_property
    def _newest_choices(self) -> Covisitation:
        """What the last two choices alone say, by the graph of the co-visitation source."""
        return Covisitation.fit(self.stage.graph, _NEWEST_CHOICES)

    def _covisited(self, state: QueryState, item_ids: np.ndarray) -> np.ndarray:
        """(n,) float32."""
        reached, scores = self._newest_choices.scores(state)
        if not len(reached):
            return np.zeros(len(item_ids), np.float32)
        rows = self.stage.graph.items.idx_of(item_ids)
        places = np.minimum(np.searchsorted(reached, rows), len(reached) - 1)
        return np.where(reached[places] == rows, scores[places], 0).astype(np.float32)


def with_catalogue(funnel: Funnel, catalogue: Catalogue) -> Funnel:
    """The same release with the catalogue of another moment. Where no item changed in between (the same
    `Catalogue.facts`), vectors are shared."""
    if catalogue.facts is not funnel.catalogue.facts:
        return Funnel.of(funnel.stage, funnel.ranker, catalogue)
    prepared = _prepared(catalogue, funnel.prepared.table.vectors)
    return replace(funnel, catalogue=catalogue, prepared=prepared)


def with_stage(funnel: Funnel, stage: RetrievalStage) -> Funnel:
    """The same with a stage that knows other vectors of some items: `RetrievalStage.with_changes`."""
    vectors = unit_vectors(stage, funnel.catalogue.facts.item_ids)
    table = replace(funnel.prepared.table, vectors=vectors)
    return replace(funnel, stage=stage, prepared=replace(funnel.prepared, table=table))


def _prepared(catalogue: Catalogue, vectors: np.ndarray) -> PreparedItems:
    return PreparedItems.of(replace(catalogue.table, vectors=vectors))


def _asked(source: Source, query: FunnelQuery, on_failure: Callable[[str, Exception], None] | None) -> Candidates:
    try:
        return source.candidates(query.state, CANDIDATES_PER_SOURCE, exclude=query.exclude)
    except Exception as error:  # whatever is wrong with one source, the others can make a page
        if on_failure is None:
            raise
        on_failure(source.name, error)
        return NO_CANDIDATES


def _said(union: Union) -> dict[str, SourceColumns]:
    ranks = np.where(union.ranks == NOT_NAMED, np.nan, union.ranks).astype(np.float32)
    return {name: SourceColumns(union.scores[:, column], ranks[:, column]) for column, name in enumerate(union.sources)}
