from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from recsite.funnel.item_vectors import unit_vectors
from retrieval.config import TowerConfig
from retrieval.index import Index, ItemVectors
from retrieval.stage import RetrievalStage
from tests.recsite.funnel.world import small_stage

AT = datetime(2026, 1, 9, tzinfo=UTC)


def test_the_items_of_training_share_the_memory_of_the_index() -> None:
    assert unit_vectors(small_stage(), np.arange(100, 124)) is small_stage().item_vectors


def test_an_unknown_item_has_a_vector_of_zeros() -> None:
    found = unit_vectors(small_stage(), np.array([50, 101]))
    assert found[0].tolist() == [0] * 16
    np.testing.assert_array_equal(found[1], small_stage().item_vectors[1])


def test_what_was_embedded_later_counts() -> None:
    changed = np.eye(2, 16, dtype=np.float32)
    stage = small_stage().with_changes(ItemVectors(np.array([100, 200]), changed))
    found = unit_vectors(stage, np.array([100, 101, 200]))
    np.testing.assert_array_equal(found[[0, 2]], changed)
    np.testing.assert_array_equal(found[1], small_stage().item_vectors[1])


def test_a_bias_is_left_out_and_free_norms_become_one() -> None:
    found = unit_vectors(of_free_norms(), np.array([100, 101, 102]))
    assert found[:2].tolist() == [pytest.approx([0.6, 0.8]), pytest.approx([0.0, 1.0])]
    assert found[2].tolist() == [0, 0]


def test_a_prior_is_left_out() -> None:
    stage = small_stage()
    vectors = np.hstack([stage.item_vectors, np.full((24, 1), -0.3, np.float32)])
    config = replace(stage.config, training=replace(stage.config.training, popularity_prior=1.0))
    with_prior = replace(
        stage, retriever=replace(stage.retriever, index=Index.build(vectors, stage.item_ids)), config=config
    )
    np.testing.assert_array_equal(unit_vectors(with_prior, stage.item_ids), stage.item_vectors)


def of_free_norms() -> RetrievalStage:
    """Two items, of two dimensions and a bias."""
    stage = small_stage()
    vectors = np.array([[3, 4, 9], [0, 2, -7]], np.float32)
    index = Index.build(vectors, np.array([100, 101]))
    towers = TowerConfig(dim=2, unit_norm=False)
    config = replace(stage.config, towers=towers)
    return replace(stage, retriever=replace(stage.retriever, index=index), config=config)
