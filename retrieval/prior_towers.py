"""Trained towers that add a popularity prior to their scores, in one more dimension of both vectors. torch."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it
from torch import Tensor, nn

from retrieval.content import FIRST_ITEM
from retrieval.towers import CandidateTower, QueryTower


class QueryMeetingPrior(nn.Module):
    """(n, dim + 1): what the tower says, and the 1 that an item's prior meets."""

    def __init__(self, tower: QueryTower) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, **features: Tensor) -> Tensor:
        """features: as the tower takes them."""
        return F.pad(self.tower(**features), (0, 1), value=1.0)


class CandidateWithPrior(nn.Module):
    """(n, dim + 1): what the tower says, and what is added to each score of the item.

    priors: (num_items,) of `popularity_prior.added_scores`, by the tower's items; one that it does not know has their
    median.
    """

    priors: Tensor

    def __init__(self, tower: CandidateTower, priors: np.ndarray) -> None:
        super().__init__()
        self.tower = tower
        of_rows = np.concatenate([np.full(FIRST_ITEM, np.median(priors)), priors]).astype(np.float32)
        self.register_buffer("priors", torch.from_numpy(of_rows)[:, None])

    def forward(self, rows: Tensor, **features: Tensor) -> Tensor:
        """rows, features: as the tower takes them."""
        return torch.cat([self.tower(rows=rows, **features), F.embedding(rows, self.priors)], dim=1)
