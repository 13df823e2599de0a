"""From a batch of rows to its loss: which columns it is held against, what they look like, and what corrects them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from retrieval.candidate_features import CandidateFeatures, candidate_features
from retrieval.config import Negatives, TrainingConfig
from retrieval.content import ItemContent
from retrieval.log_q import draw_probabilities, log_q_of_mixture
from retrieval.losses import full_softmax_loss, gramian_loss, sampled_softmax_loss
from retrieval.negatives import uniform_negatives
from retrieval.snapshots import Snapshots
from retrieval.spool import Piece, Spool
from retrieval.towers import CandidateTower, QueryTower


@dataclass(frozen=True, eq=False)
class Objective:
    """What a training makes smaller. Draws its uniform negatives from the generator it is given."""

    content: ItemContent
    spool: Spool
    snapshots: Snapshots
    config: TrainingConfig
    device: torch.device

    def loss(self, query: QueryTower, candidate: CandidateTower, batch: Piece, rng: np.random.Generator) -> Tensor:
        """Of one batch, a scalar."""
        vectors = query(**self.tensors(batch.features.arrays()))  # (batch, dim)
        negatives = self.config.negatives_for(len(self.content))
        if negatives == Negatives.ALL:
            columns = np.arange(len(self.content))
            return full_softmax_loss(
                vectors,
                self._candidates(candidate, batch.interval, columns),
                self._tensor(batch.item_idx),
                temperature=self.config.temperature,
                known=self._known(batch, columns),
            )
        uniform = uniform_negatives(rng, len(self.content), min(self.config.uniform_negatives, len(self.content)))
        columns = np.concatenate([batch.item_idx, uniform])
        candidates = self._candidates(candidate, batch.interval, columns)  # (batch + uniform, dim)
        if negatives == Negatives.GRAMIAN:
            return gramian_loss(vectors, candidates, candidates, penalty=self.config.gramian_weight)
        return sampled_softmax_loss(
            vectors,
            candidates,
            self._tensor(columns),
            self._tensor(self._log_q(columns, len(batch), len(uniform))),
            temperature=self.config.temperature,
            known=self._known(batch, columns),
            positive_log_q=None if self.config.correct_positive else torch.zeros(len(batch), device=self.device),
        )

    def features(self, interval: int, columns: np.ndarray) -> CandidateFeatures:
        """Of some items, as the index had them when the interval began."""
        at_s = interval * self.spool.interval_s
        return candidate_features(self.content, self.snapshots.counts(interval), at_s, columns)

    def tensors(self, arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
        return {name: self._tensor(array) for name, array in arrays.items()}

    def _candidates(self, tower: CandidateTower, interval: int, columns: np.ndarray) -> Tensor:
        vectors: Tensor = tower(**self.tensors(self.features(interval, columns).arrays()))
        return vectors

    def _known(self, batch: Piece, columns: np.ndarray) -> Tensor:
        return self._tensor(self.spool.known.pairs(batch.readers, columns))

    def _log_q(self, columns: np.ndarray, batch_size: int, num_uniform: int) -> np.ndarray:
        p = draw_probabilities(self.spool.expected_draws)[columns]
        log_q = log_q_of_mixture(p, batch_size, num_uniform, len(self.content))
        return np.float32(self.config.log_q_strength) * log_q

    def _tensor(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return (tensor if tensor.is_floating_point() else tensor.long()).to(self.device)
