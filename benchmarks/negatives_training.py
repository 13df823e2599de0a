"""One training of the `negatives` benchmark, and what it is worth."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from benchmarks.measured_import import peak_rss_mb
from benchmarks.retrieval_protocols import Queries, Split, splits
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_results import Result, evaluate
from benchmarks.retrieval_states import positives_before, query_table
from retrieval.config import TwoTowerConfig
from retrieval.features import QueryFeatures, encode_table
from retrieval.popularity_prior import extend_candidates, extend_query, log_prior
from retrieval.spool import DAY_S
from retrieval.train import TrainedTowers, train_towers

PROTOCOL = "B"
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Cell:
    """What one training is made of; what its result is kept under.

    validation: fitted and asked on the validation split; otherwise on the test.
    alpha: of the popularity prior at serving.  dislikes: whether rows carry them.
    """

    name: str
    config: TwoTowerConfig
    validation: bool
    alpha: float = 0.0
    dislikes: bool = False

    @property
    def key(self) -> str:
        about = repr((self.config, self.validation, self.alpha, self.dislikes))
        return f"negatives-{hashlib.sha256(about.encode()).hexdigest()[:16]}"


def do(dataset: Ratings, cell: Cell) -> Result:
    """settings: epochs; peak_rss_mb of this process so far."""
    split = _split(dataset, cell)
    tables, until = positives(dataset, cell)
    begun = time.perf_counter()
    trained = train_towers(tables, dataset.items, cell.config, until=until)
    fitted = time.perf_counter()
    outcome = evaluate(dataset, split, Towers.of(dataset, split, trained, alpha=cell.alpha))
    settings = {"epochs": cell.config.training.epochs, "peak_rss_mb": peak_rss_mb()}
    seed = cell.config.training.seed
    return Result(PROTOCOL, cell.key, seed, settings, fitted - begun, time.perf_counter() - fitted, (outcome,))


def positives(dataset: Ratings, cell: Cell) -> tuple[list[pa.Table], datetime]:
    """What the training reads, and the end of its window."""
    split = _split(dataset, cell)
    tables = positives_before(dataset, split.train_rows, cell.config.towers.history_length)
    if cell.dislikes:
        tables = [with_dislikes(table) for table in tables]
    return tables, datetime.fromtimestamp(_until_s(dataset, split), UTC)


def rows_an_epoch(dataset: Ratings, config: TwoTowerConfig) -> float:
    """How many rows an epoch of the test's training draws, by weight, age and cap (`retrieval.spool.fill_spool`)."""
    split, events, training = splits(dataset, PROTOCOL)[0], dataset.interactions, config.training
    rows = split.train_rows
    weights = events.weights[rows].astype(np.float64)
    if training.half_life_days is not None:
        ages_s = _until_s(dataset, split) - events.times_s[rows]
        weights *= 0.5 ** (ages_s / DAY_S / training.half_life_days)
    _, readers = np.unique(events.reader_ids[rows], return_inverse=True)
    return float(np.minimum(np.bincount(readers, weights), training.most_per_reader).sum())


def with_dislikes(table: pa.Table) -> pa.Table:
    """Rows without what was rated 1 or 2, and with `not_chosen`: what their reader had rated so before, as far back as
    the history goes. What stays a positive of its reader is never held against them, so it must not be one."""
    history = table["history"].combine_chunks()
    kinds = table["history_kinds"].combine_chunks().flatten().cast(pa.string())
    disliked = pc.equal(kinds, "dismiss").to_numpy(zero_copy_only=False)
    before = np.concatenate([[0], np.cumsum(disliked)])
    offsets = before[history.offsets.to_numpy() - history.offsets[0].as_py()]
    items = history.flatten().filter(pa.array(disliked))
    column = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items)
    return table.append_column("not_chosen", column).filter(pc.not_equal(table["kind"].cast(pa.string()), "dismiss"))


@dataclass(frozen=True, eq=False)
class Towers:
    """Towers in torch as a model to be asked. items: (num_items, width), longer than queries by a prior's dimension."""

    dataset: Ratings
    trained: TrainedTowers
    items: np.ndarray

    @classmethod
    def of(cls, dataset: Ratings, split: Split, trained: TrainedTowers, *, alpha: float) -> Towers:
        trained.query.eval()
        vectors = trained.item_vectors()
        temperature = trained.config.training.temperature
        prior = popularity(dataset, split)
        return cls(dataset, trained, extend_candidates(vectors, prior, alpha=alpha, temperature=temperature))

    def scores(self, queries: Queries) -> np.ndarray:
        """(q, num_items) float32."""
        towers = self.trained.config.towers
        features = encode_table(
            query_table(self.dataset, queries, towers.history_length), self.trained.objective.content, towers
        )
        parts = np.array_split(np.arange(len(queries)), len(queries) // _ROWS_AT_ONCE + 1)
        with torch.no_grad():
            vectors = [self._vectors(features, rows) for rows in parts]
        return extend_query(np.concatenate(vectors)) @ self.items.T

    def _vectors(self, features: QueryFeatures, rows: np.ndarray) -> np.ndarray:
        arrays = {name: array[rows] for name, array in features.arrays().items()}
        vectors: torch.Tensor = self.trained.query(**self.trained.objective.tensors(arrays))
        return vectors.float().cpu().numpy()


def popularity(dataset: Ratings, split: Split) -> np.ndarray:
    """(num_items,) ln P of each item among the training events."""
    counts = np.bincount(dataset.item_idx[split.train_rows], minlength=dataset.num_items)
    topics = [np.unique(of_item) for of_item in dataset.items["topics"].to_pylist()]
    offsets = np.concatenate([[0], np.cumsum([len(of_item) for of_item in topics])]).astype(np.int64)
    return log_prior(counts, offsets, np.concatenate(topics).astype(np.int64))


def _split(dataset: Ratings, cell: Cell) -> Split:
    split = splits(dataset, PROTOCOL)[0]
    if not cell.validation:
        return split
    if split.validation is None:
        raise ValueError(f"{split.name} has no validation split to tune on.")
    return split.validation


def _until_s(dataset: Ratings, split: Split) -> float:
    return float(dataset.interactions.times_s[split.train_rows[-1]] + 1)
