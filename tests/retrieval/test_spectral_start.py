from __future__ import annotations

import numpy as np
import pytest
import torch

from retrieval.candidate_features import candidate_features
from retrieval.config import ConfigError, TowerConfig, TrainingConfig, TwoTowerConfig
from retrieval.content import ItemContent
from retrieval.features import encode_table
from retrieval.negatives import KnownPositives
from retrieval.spectral_start import spectral_vectors, start_spectral
from retrieval.towers import CandidateTower, QueryTower
from tests.retrieval.worlds import UNTIL, catalogue, positives


def known_of(chosen: np.ndarray) -> KnownPositives:
    readers, items = np.nonzero(chosen)
    return KnownPositives.of(readers, items, num_readers=chosen.shape[0], num_items=chosen.shape[1])


def two_tastes(num_readers: int = 30, num_items: int = 12) -> np.ndarray:
    """Readers of even and of odd items, each missing some."""
    rng = np.random.default_rng(0)
    own_kind = np.arange(num_readers)[:, None] % 2 == np.arange(num_items)[None, :] % 2
    return own_kind & (rng.random((num_readers, num_items)) < 0.8)


def test_inner_products_are_the_ridge_regression_of_choices_on_themselves() -> None:
    chosen = two_tastes().astype(float)
    chosen[:, -1] = 0  # so that the rank is one below full, which is all that the solver gives
    vectors = spectral_vectors(known_of(chosen), 11, ridge=3.0, seed=0).astype(float)
    gram = chosen.T @ chosen
    np.testing.assert_allclose(vectors @ vectors.T, gram @ np.linalg.inv(gram + 3 * np.eye(12)), atol=1e-5)


def test_fewer_directions_keep_the_strongest() -> None:
    vectors = spectral_vectors(known_of(two_tastes()), 2, ridge=1.0, seed=0)
    says = vectors @ vectors.T
    own, other = says[0, 2::2], says[0, 1::2]
    assert own.min() > 5 * np.abs(other).max()


@pytest.mark.parametrize("shape", [(1, 12), (12, 1), (2, 2), (3, 5)])
def test_a_world_with_fewer_directions_than_asked_for_leaves_the_others_empty(shape: tuple[int, int]) -> None:
    vectors = spectral_vectors(known_of(np.ones(shape)), 8, ridge=1.0, seed=0)
    assert vectors.shape == (shape[1], 8)
    assert np.isfinite(vectors).all()
    assert (np.abs(vectors).sum(axis=0) > 1e-6).sum() <= 1


def test_the_same_seed_gives_the_same_vectors() -> None:
    once, again = (spectral_vectors(known_of(two_tastes()), 4, ridge=1.0, seed=5) for _ in range(2))
    np.testing.assert_array_equal(once, again)


def test_towers_begin_as_the_linear_model() -> None:
    towers = TowerConfig(dim=16, hidden=16, unit_norm=False, place_decay=0, uses_counts=False, history_length=8)
    torch.manual_seed(0)
    content = ItemContent.from_table(catalogue(), towers)
    query, candidate = QueryTower(len(content), towers).eval(), CandidateTower(len(content), towers).eval()
    known = known_of(two_tastes(num_items=len(content)))
    start_spectral(query, candidate, known, TrainingConfig(spectral_ridge=1.0))
    features = encode_table(positives(num_readers=6), content, towers)
    counts = np.zeros((len(content), 3), np.float32)
    items = candidate_features(content, counts, UNTIL.timestamp()).arrays()
    with torch.no_grad():
        queries = query(**{name: torch.from_numpy(array) for name, array in features.arrays().items()})
        vectors = candidate(**{name: torch.from_numpy(array) for name, array in items.items()})
    scores = (queries @ vectors.T).numpy()
    linear = spectral_vectors(known, 16, ridge=1.0, seed=0)
    weights = linear @ linear.T
    histories = features.history - 2  # item_idx, below 0 for nothing
    expected = np.stack([weights[history[history >= 0]].mean(axis=0) for history in histories if (history >= 0).any()])
    of_histories = scores[(histories >= 0).any(axis=1)]
    closeness = [np.corrcoef(ours, theirs)[0, 1] for ours, theirs in zip(of_histories, expected, strict=True)]
    assert min(closeness) > 0.95


def test_vectors_of_one_norm_cannot_begin_as_a_linear_model() -> None:
    with pytest.raises(ConfigError, match="unit_norm"):
        TwoTowerConfig(TowerConfig(), TrainingConfig(spectral_ridge=100.0))
