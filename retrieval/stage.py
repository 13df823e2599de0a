"""Stage one of a release: towers with their index, the co-visitation graph and iALS, fitted together. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np

from retrieval.artefact_files import check_folder, write_folder
from retrieval.candidates import Source
from retrieval.config import TwoTowerConfig
from retrieval.encoding import CandidateEncoder, QueryEncoder
from retrieval.index import NO_IDS, Index, ItemVectors
from retrieval.retriever import Retriever
from retrieval.sources.covisitation import Covisitation
from retrieval.sources.covisitation_graph import CovisitationGraph
from retrieval.sources.evidence import LASTING_TASTE
from retrieval.sources.graph_walk import GraphWalk
from retrieval.sources.implicit_als import ImplicitAls
from retrieval.stage_files import StageParts, read_stage, write_stage

PERSONAL_SOURCES = ("two_tower", "covisitation", "graph_walk", "implicit_als", "implicit_als_taste")
"""Names of `RetrievalStage.personal_sources`, in their order: those that go by what a reader chose."""


@dataclass(frozen=True, eq=False)
class FittedStage(StageParts):
    """What a training leaves: all that `RetrievalStage` is asked with, and the weights for a warm start of the next."""

    def ready(self) -> RetrievalStage:
        return RetrievalStage(
            retriever=Retriever(QueryEncoder.of(self.artefact), self.index),
            covisitation=self.covisitation,
            graph_walk=self.graph_walk,
            als=self.als,
            candidate_tower=CandidateEncoder.of(self.artefact),
            config=self.artefact.config,
            trained_from=self.artefact.trained_from,
            trained_until=self.artefact.trained_until,
            metrics=self.artefact.metrics | {"index_recall": self.index.recall},
        )


@dataclass(frozen=True, eq=False)
class RetrievalStage:
    """Frozen, and asked from many threads.

    retriever: the towers' source, whose index also has what was published since (`with_changes`).
    candidate_tower: what embeds new items.
    trained_from, trained_until: the window of the interactions that everything here learned from, UTC.
    metrics: what training measured, by name; index_recall: what the towers' index finds of the exact answer.
    """

    retriever: Retriever
    covisitation: Covisitation
    graph_walk: GraphWalk
    als: ImplicitAls
    candidate_tower: CandidateEncoder
    config: TwoTowerConfig
    trained_from: datetime
    trained_until: datetime
    metrics: Mapping[str, float]

    @property
    def index(self) -> Index:
        return self.retriever.index

    @property
    def graph(self) -> CovisitationGraph:
        return self.covisitation.graph

    @property
    def item_ids(self) -> np.ndarray:
        """(n,) int64, rising: the items of training's end, or of when the index was built anew."""
        return self.index.base.items.item_ids

    @property
    def item_vectors(self) -> np.ndarray:
        """(n, width) float32, in the order of `item_ids`: the memory of the index, not to be written to."""
        return self.index.base.items.vectors

    def personal_sources(self) -> tuple[Source, ...]:
        """Named and in the order of `PERSONAL_SOURCES`."""
        return (self.retriever, self.covisitation, self.graph_walk, self.als, self._taste)

    def with_changes(self, upserts: ItemVectors | None = None, deletes: np.ndarray = NO_IDS) -> RetrievalStage:
        """A new stage with new vectors of some items, and without others (item ids): see `Index.apply`."""
        return self.with_index(self.index.apply(upserts, deletes))

    def with_index(self, index: Index) -> RetrievalStage:
        """A new stage whose towers search this one."""
        return replace(self, retriever=replace(self.retriever, index=index))

    @cached_property
    def _taste(self) -> ImplicitAls:
        return self.als.reading(LASTING_TASTE, name="implicit_als_taste")


def save_stage(fitted: FittedStage, folder: Path) -> None:
    """Write a new folder: files first, `manifest.json` with the SHA-256 of each last, then the folder gets its name.

    Raises FileExistsError for a folder that is there already: a stage is never edited.
    """
    write_folder(folder, lambda unfinished: write_stage(fitted, unfinished))


def load_stage(folder: Path) -> RetrievalStage:
    """What `save_stage` wrote, without the weights that only training reads.

    The graph and the factors of iALS are mapped from their files, so that all processes of a machine share them: a
    folder may be removed or replaced afterwards, but none of its files may be written to.
    Raises `ArtefactError`, naming the file, for a folder that is incomplete, damaged, or of another format.
    """
    check_folder(folder)
    return FittedStage(**vars(read_stage(folder))).ready()
