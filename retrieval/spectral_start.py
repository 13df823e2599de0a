"""Beginning a training where linear algebra ends: item rows that already tell what is chosen together."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import svds

from retrieval.config import TrainingConfig
from retrieval.negatives import KnownPositives
from retrieval.towers import CandidateTower, QueryTower

SHARPNESS = 8.0
"""Nats between an item that the linear model is sure of and one that it rules out, for a reader of average history."""


def start_spectral(query: QueryTower, candidate: CandidateTower, known: KnownPositives, config: TrainingConfig) -> None:
    """Make both towers the linear model of `spectral_vectors`; the rest of them nearly silent. For free norms.

    Does nothing where there are too few readers or items to learn any direction from.
    """
    ridge = config.spectral_ridge
    if ridge is None:
        return
    vectors = spectral_vectors(known, query.config.dim, ridge=ridge, seed=config.seed)
    readers = max(len(known.offsets) - 1, 1)
    # A query is the mean of its history where the linear model takes the sum, and logits are divided by temperature.
    scale = SHARPNESS * config.temperature * len(known.item_idx) / readers
    rows = torch.from_numpy(vectors * np.float32(np.sqrt(scale)))
    query.start_at(rows)
    candidate.start_at(rows)


def spectral_vectors(known: KnownPositives, dim: int, *, ridge: float, seed: int) -> np.ndarray:
    """(num_items, dim) float32 whose inner products w_ij say how much having item i speaks for item j.

    The ridge regression of the 0/1 matrix of readers and items on itself, in its first `dim` singular directions:
    W = V diag(s^2 / (s^2 + ridge)) V'. After Cremonesi et al., RecSys 2010 (PureSVD, which is ridge 0); unlike EASE,
    an item may speak for itself, which matters not where seen items are left out. Directions that a small catalogue
    does not have are 0.
    """
    num_readers, num_items = len(known.offsets) - 1, known.num_items
    vectors = np.zeros((num_items, dim), np.float32)
    chosen = sparse.csr_matrix(
        (np.ones(len(known.item_idx)), known.item_idx, known.offsets), shape=(num_readers, num_items)
    )
    found = min(dim, min(chosen.shape) - 1)  # the solver gives all directions but one at most
    if found < 1:
        return vectors
    start = np.random.default_rng(seed).normal(size=min(chosen.shape))
    _, strengths, directions = svds(chosen, k=found, v0=start)
    shrunk = strengths**2 / (strengths**2 + ridge)
    vectors[:, :found] = (directions * np.sqrt(shrunk)[:, None]).T
    return vectors
