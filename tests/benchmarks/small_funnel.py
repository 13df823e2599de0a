"""A funnel without towers to train: in their place stands the popularity of what they would have learned from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from benchmarks import ranking_funnel
from benchmarks.ranking_bootstrap import CONFIG
from benchmarks.ranking_sources import TWO_TOWER, Sources, newest_choices
from benchmarks.retrieval_ours import TwoTower, fit_others
from benchmarks.retrieval_protocols import Queries, Split
from benchmarks.retrieval_ratings import Ratings

DIM = 4
RANKER = replace(CONFIG, num_trees=30, num_threads=1)


@dataclass(frozen=True, eq=False)
class PopularTowers:
    dataset: Ratings
    rows: np.ndarray

    @property
    def artefact(self) -> Any:
        embeddings = np.random.default_rng(0).normal(size=(self.dataset.num_items, DIM)).astype(np.float32)
        return SimpleNamespace(item_embeddings=embeddings, config=SimpleNamespace(towers=SimpleNamespace(dim=DIM)))

    def scores(self, queries: Queries) -> np.ndarray:
        counts = np.bincount(self.dataset.item_idx[self.rows], minlength=self.dataset.num_items)
        return np.repeat(counts[None].astype(np.float32), len(queries), axis=0)


def popular_sources(dataset: Ratings, split: Split, *, seed: int = 0, config: object = None) -> Sources:
    """As `ranking_sources.fit_sources`."""
    others = fit_others(dataset, split, seed)
    towers = cast(TwoTower, PopularTowers(dataset, split.train_rows))
    fit_s = {TWO_TOWER: 1.0, **{source.name: 1.0 for source in others}}
    return Sources(dataset, towers, others, newest_choices(others), fit_s)


class Fitted:
    """Replaces `fit_sources`, and remembers on what it was called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.splits: list[Split] = []
        monkeypatch.setattr(ranking_funnel, "fit_sources", self)

    def __call__(self, dataset: Ratings, split: Split, *, seed: int, config: object) -> Sources:
        self.splits.append(split)
        return popular_sources(dataset, split, seed=seed)
