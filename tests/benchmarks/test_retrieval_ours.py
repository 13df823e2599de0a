from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import torch

from benchmarks.retrieval_ours import CONFIG, MOST_ROWS, affordable, trained
from benchmarks.retrieval_protocols import splits
from benchmarks.retrieval_world import made_up_world
from retrieval.config import TwoTowerConfig
from retrieval.encoding import candidate_vectors


def test_small_data_is_learned_from_as_the_config_says() -> None:
    assert affordable(CONFIG.training, np.repeat(np.arange(1_000), 100)) == CONFIG.training


def test_larger_data_gets_fewer_epochs_then_fewer_rows_of_a_reader() -> None:
    larger = affordable(CONFIG.training, np.repeat(np.arange(4_000), 100))
    assert (larger.epochs, larger.most_per_reader) == (2, CONFIG.training.most_per_reader)
    largest = affordable(CONFIG.training, np.repeat(np.arange(50_000), 100))
    assert (largest.epochs, largest.most_per_reader) == (1, MOST_ROWS // 50_000)


SMALL = TwoTowerConfig(
    replace(CONFIG.towers, dim=16, hidden=16, history_length=10, word_buckets=256, author_buckets=64),
    replace(CONFIG.training, epochs=1),
)


def test_items_withheld_are_asked_for_by_their_content_alone() -> None:
    """As items out of the vocabulary: of a model that had made negatives of them their own rows would say no good."""
    torch.set_num_threads(1)
    world = made_up_world(30, 120, seed=0)
    split = next(split for split in splits(world, "cold") if split.candidates is not None)
    withheld = split.candidates
    assert not np.isin(world.item_idx[split.train_rows], np.flatnonzero(withheld)).any()
    artefact = trained(world, split, 0, SMALL)
    renamed = world.items.set_column(0, world.items.schema.field(0), pa.array(1_000_000 + np.arange(world.num_items)))
    as_new = candidate_vectors(artefact, renamed, artefact.trained_until.timestamp())
    np.testing.assert_allclose(artefact.item_embeddings[withheld], as_new[withheld], atol=1e-5)
    chosen = np.bincount(world.item_idx[split.train_rows], minlength=world.num_items) > 0
    assert np.abs(artefact.item_embeddings - as_new)[chosen].max(axis=1).min() > 1e-3
