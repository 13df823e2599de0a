"""The two towers at serving: states and items in, vectors out, by ONNX Runtime. No torch."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnxruntime as ort
import pyarrow as pa

from retrieval.artefact import ITEM_TABLE, RetrieverArtefact
from retrieval.candidate_features import COUNTS, candidate_features
from retrieval.config import TowerConfig
from retrieval.content import ItemContent, item_rows
from retrieval.features import QueryFeatures, encode_states, encode_table
from retrieval.ids import UNKNOWN, IdMap
from retrieval.query_state import QueryState


@dataclass(frozen=True, eq=False)
class QueryEncoder:
    """The query side of an artefact, made ready: readers' states in, vectors out. Safe to use from several threads.

    item_table: `RetrieverArtefact.query_items`, which the tower is handed with every state; it is not copied.
    """

    tower: ort.InferenceSession
    item_table: np.ndarray
    content: ItemContent
    config: TowerConfig

    @classmethod
    def of(cls, artefact: RetrieverArtefact) -> QueryEncoder:
        session = _session(artefact.query_tower)
        return cls(session, artefact.query_items, _known_items(artefact), artefact.config.towers)

    def vectors(self, states: Sequence[QueryState]) -> np.ndarray:
        """(n, width) float32, as wide as the artefact's item embeddings."""
        return self._run(encode_states(states, self.content, self.config))

    def vectors_of_table(self, states: pa.Table) -> np.ndarray:
        """(n, width) float32 for a table of `features.STATES`."""
        return self._run(encode_table(states, self.content, self.config))

    def _run(self, features: QueryFeatures) -> np.ndarray:
        inputs = {**features.arrays(), ITEM_TABLE: self.item_table}
        vectors: np.ndarray = self.tower.run(None, inputs)[0]
        return vectors


@dataclass(frozen=True, eq=False)
class CandidateEncoder:
    """The candidate side of an artefact, made ready: items in, vectors out; also items that training never met, which
    it judges by their content. Safe to use from several threads. The session is made when first asked.

    items: those of training.  counts: (num_items, COUNTS) float32, as of training's end, which is what is kept of them.
    """

    tower: bytes | mmap.mmap
    items: IdMap
    counts: np.ndarray
    config: TowerConfig

    @classmethod
    def of(cls, artefact: RetrieverArtefact) -> CandidateEncoder:
        items, counts = IdMap(artefact.item_ids), artefact.item_counts
        return cls(artefact.candidate_tower, items, counts, artefact.config.towers)

    def embed(self, items: pa.Table, at_s: float) -> np.ndarray:
        """(n, width) float32 of `content.ITEM_CONTENT` at a moment, seconds since 1970 UTC."""
        content = ItemContent.from_table(items, self.config)
        item_idx = self.items.idx_of(content.ids.item_ids)
        known = item_idx != UNKNOWN
        counts = np.repeat(_fewest(self.counts)[None], len(content), axis=0)
        counts[known] = self.counts[item_idx[known]]
        features = candidate_features(content, counts, at_s, id_rows=item_rows(item_idx))
        vectors: np.ndarray = self._asked.run(None, features.arrays())[0]
        return vectors

    @cached_property
    def _asked(self) -> ort.InferenceSession:
        return _session(bytes(self.tower))


def candidate_vectors(artefact: RetrieverArtefact, items: pa.Table, at_s: float) -> np.ndarray:
    """As `CandidateEncoder.embed`, for whoever asks once."""
    return CandidateEncoder.of(artefact).embed(items, at_s)


def _session(tower: bytes) -> ort.InferenceSession:
    """One thread: a web process has others to do."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(tower, options, providers=["CPUExecutionProvider"])


def _fewest(counts: np.ndarray) -> np.ndarray:
    """(COUNTS,) float32: counts of an item that nobody has chosen yet."""
    return counts.min(axis=0) if len(counts) else np.zeros(COUNTS, np.float32)


def _known_items(artefact: RetrieverArtefact) -> ItemContent:
    """As much of the catalogue as a query needs: which items there are, and their topics."""
    nothing = np.zeros(len(artefact.item_ids), np.int32)
    return ItemContent(
        ids=IdMap(artefact.item_ids),
        words=nothing[:, None],
        topics=artefact.item_topics,
        authors=nothing,
        languages=nothing,
        published_s=np.full(len(nothing), np.nan),
    )
