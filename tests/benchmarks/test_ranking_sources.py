from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import ranking_sources
from benchmarks.ranking_sources import SOURCES, TWO_TOWER, fit_sources
from benchmarks.retrieval_protocols import Split, splits
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_world import made_up_world
from tests.benchmarks.small_funnel import PopularTowers, popular_sources

WORLD = made_up_world(60, 300, seed=0)
(SPLIT,) = splits(WORLD, "B")
QUERIES = SPLIT.queries.take(np.arange(12))


def test_each_source_is_asked_for_so_many_that_were_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_sources, "ASKED_FOR", 7)
    asked = list(popular_sources(WORLD, SPLIT).ask(QUERIES))
    assert len(asked) == len(QUERIES)
    for row, one in enumerate(asked):
        assert set(one.union.sources) == set(SOURCES)
        assert ((one.union.ranks >= 0).sum(axis=0) == 7).all()
        seen = WORLD.interactions.item_ids[QUERIES.history[row]]
        assert not np.isin(one.union.item_ids, seen).any()


def test_candidates_of_the_towers_stand_in_the_order_of_their_scores() -> None:
    sources = popular_sources(WORLD, SPLIT)
    column = sources.two_tower.scores(QUERIES)
    for scores, asked in zip(column, sources.ask(QUERIES), strict=True):
        of_towers = asked.union.ranks[:, asked.union.sources.index(TWO_TOWER)]
        named = asked.union.item_ids[of_towers >= 0][np.argsort(of_towers[of_towers >= 0])]
        said = scores[WORLD.item_map.idx_of(named)]
        assert (np.diff(said) <= 0).all()


def test_items_chosen_beside_the_last_choices_are_covisited() -> None:
    asked = next(popular_sources(WORLD, SPLIT).ask(QUERIES))
    assert asked.covisited.max() > 0
    assert len(asked.covisited) == len(asked.union)
    assert asked.covisited.dtype == np.float32


def test_vectors_have_norm_1() -> None:
    np.testing.assert_allclose(np.linalg.norm(popular_sources(WORLD, SPLIT).vectors(), axis=1), 1, rtol=1e-5)


def test_every_source_is_fitted_on_the_rows_of_the_split(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = []

    def towers(dataset: Ratings, split: Split, seed: int, config: object) -> Any:
        fitted.append((split, seed))
        return PopularTowers(dataset, split.train_rows).artefact

    monkeypatch.setattr(ranking_sources, "trained", towers)
    sources = fit_sources(WORLD, SPLIT, seed=4)
    assert fitted == [(SPLIT, 4)]
    assert {TWO_TOWER, *(source.name for source in sources.others)} == set(SOURCES) == set(sources.fit_s)
