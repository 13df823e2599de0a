"""Rows of the log as another retriever would have scored them: so that none tells what its own had seen."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

import numpy as np
import polars as pl
import pyarrow as pa

from ranking.feature_facts import SourceFacts
from ranking.features import FeatureSet
from ranking.request import CandidateColumns, SourceColumns
from recsite.funnel.catalogue import Catalogue
from recsite.funnel.funnel import Funnel
from recsite.funnel.sources import SOURCES
from recsite.training.bootstrap import fusion_ranker
from recsite.training.impressions import LoggedVisits
from recsite.training.rebuilding import features_again
from recsite.training.slate_questions import SlateQuestions
from retrieval.ids import IdMap
from retrieval.stage import PERSONAL_SOURCES, RetrievalStage

_COMMON = tuple(source for source in SOURCES if source not in PERSONAL_SOURCES)
_OF_VECTORS = tuple(f"similarity_{of}" for of in ("highest", "mean", "newest", "lasting", "dismissed"))
_OF_STAGE = (
    "covisited",
    *_OF_VECTORS,
    *(f"{source}_{what}" for source in PERSONAL_SOURCES for what in ("score", "rank", "percentile")),
)


def with_scores_of(
    stage: RetrievalStage,
    logged: LoggedVisits,
    catalogue: Catalogue,
    questions: SlateQuestions,
    first_chosen_s: Callable[[np.ndarray], np.ndarray],
    *,
    but: Collection[int] = (),
) -> LoggedVisits:
    """The same visits, with the scores of this stage in place of those of the releases that served them.

    catalogue: only what does not change is read of it; everything that belongs to a moment stands in the log.
    but: numbers of releases that served with this very stage: what is logged of them are its scores.
    Each slate is asked again, which takes some milliseconds: see `LoggedVisits.drawn`.
    """
    visits, origin = logged.visits, logged.origin
    funnel = Funnel.of(stage, fusion_ranker("It scores what others have shown."), catalogue)
    others = ~np.isin(origin["release"].to_numpy(), list(but))
    features = visits.features.copy()
    if others.any():
        features[others] = ShadowScores(funnel, questions).features(
            origin.filter(pa.array(others)), visits.features[others]
        )
    trained_until_s = np.full(visits.num_rows, stage.trained_until.timestamp())
    cold = first_chosen_s(origin["item_id"].to_numpy()) >= trained_until_s
    rescored = replace(visits, features=features, trained_until_s=trained_until_s, cold=cold)
    return LoggedVisits(rescored, logged.reader_keys, origin)


class ShadowScores:
    """What a shadow says of what others have shown."""

    def __init__(self, funnel: Funnel, questions: SlateQuestions) -> None:
        self._funnel, self._questions = funnel, questions

    def features(self, rows: pa.Table, logged: np.ndarray) -> np.ndarray:
        """(rows, columns) float32, as they were logged but for what comes from a retriever: scores, ranks and
        percentiles of its sources, likeness, what is chosen together, and how many sources named the item at all.

        rows: with slate_id, 16 bytes each, and item_id.  logged: (rows, columns of the funnel's feature set) float32.
        What the shadow would not have named has nothing of its sources, like a slot that explored.
        """
        feature_set = self._funnel.ranker.feature_set
        of_stage = _places(feature_set, _OF_STAGE)
        scored = logged.copy()
        scored[:, of_stage] = np.nan
        items = rows["item_id"].to_numpy()
        of_slate = _rows_by_slate(rows)
        for asked in self._questions.of(uuid.UUID(bytes=slate_id) for slate_id in of_slate):
            places = of_slate[asked.slate_id]
            said = features_again(self._funnel, asked, skip=_COMMON)[IdMap(asked.item_ids).idx_of(items[places])]
            scored[np.ix_(places, of_stage)] = said[:, of_stage]
        named = _sources(scored, feature_set)
        scored[:, _places(feature_set, ["num_sources"])[0]] = named.counts
        scored[:, _places(feature_set, ["fusion"])[0]] = named.fusion
        return scored


def _rows_by_slate(rows: pa.Table) -> dict[bytes, np.ndarray]:
    """Numbers of rows, by the id of their slate."""
    frame = pl.DataFrame({"slate_id": rows["slate_id"].to_pylist()}).with_row_index("row")
    groups = frame.group_by("slate_id", maintain_order=True).agg("row")
    return {slate_id: np.array(found) for slate_id, found in groups.iter_rows()}


def _places(feature_set: FeatureSet, names: Iterable[str]) -> np.ndarray:
    return np.array([feature_set.names.index(name) for name in names])


def _sources(features: np.ndarray, feature_set: FeatureSet) -> SourceFacts:
    """What all sources together say of each row, whoever said it."""
    ranks = features[:, _places(feature_set, [f"{source}_rank" for source in SOURCES])]
    nothing = np.zeros(len(features), np.float32)
    said = {source: SourceColumns(nothing, ranks[:, column]) for column, source in enumerate(SOURCES)}
    return SourceFacts.of(CandidateColumns(np.arange(len(features)), said, nothing, nothing), SOURCES)
