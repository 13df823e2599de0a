"""How well towers in training foresee a later window, to know when to stop."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch

from retrieval.config import TwoTowerConfig
from retrieval.content import FIRST_ITEM, ItemContent
from retrieval.features import QueryFeatures, encode_table
from retrieval.ids import UNKNOWN
from retrieval.objective import Objective
from retrieval.towers import CandidateTower, QueryTower
from retrieval.training_errors import NotFinite

DEPTH = 100
ROWS_AT_ONCE = 1024


class Validation:
    """Positives of a later window. Items of a query's history are no answers: they do not count as missed or found.

    added: (num_items,) float32 to the scores of each item, as serving will; None for nothing.
    """

    def __init__(
        self, positives: pa.Table, content: ItemContent, config: TwoTowerConfig, added: np.ndarray | None = None
    ) -> None:
        self._added = np.float32(0) if added is None else added
        item_idx = content.ids.idx_of(positives["item_id"].to_numpy())
        known = item_idx != UNKNOWN
        self.item_idx = item_idx[known]
        self.features = encode_table(positives.filter(pa.array(known)), content, config.towers)

    def ndcg(self, query: QueryTower, candidate: CandidateTower, objective: Objective) -> float:
        """NDCG@100 with one relevant item a row, over the whole catalogue; 0 for no rows.

        Raises `NotFinite` for scores that are NaN or infinite: nothing is above a NaN, so it would rank first.
        """
        query.eval()
        vectors = objective.index_vectors(candidate)
        added = torch.from_numpy(np.asarray(self._added)).to(vectors.device)
        gains: list[float] = []
        with torch.no_grad():
            for start in range(0, len(self.item_idx), ROWS_AT_ONCE):
                rows = np.arange(start, min(start + ROWS_AT_ONCE, len(self.item_idx)))
                features = QueryFeatures(*(array[rows] for array in self.features.arrays().values()))
                arrays = objective.tensors(features.arrays())
                scores = query(**arrays) @ vectors.T + added  # (rows, num_items)
                if not torch.isfinite(scores.sum()):
                    raise NotFinite(
                        "Scores of the later window are NaN or infinite. Lower learning_rate, or raise temperature."
                    )
                own = torch.from_numpy(self.item_idx[rows]).to(scores.device)[:, None]
                chosen = scores.gather(1, own)  # (rows, 1)
                scores = _without(scores, arrays["history"] - FIRST_ITEM, own)
                rank = (scores > chosen).sum(dim=1).double().cpu().numpy()
                gains.extend(np.where(rank < DEPTH, 1 / np.log2(rank + 2), 0.0).tolist())
        return float(np.mean(gains)) if gains else 0.0


def _without(scores: torch.Tensor, seen: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Scores less those of the history, but for the row's own item."""
    kept = torch.cat([scores, scores.new_zeros(len(scores), 1)], dim=1)  # a last column for what is no item
    kept.scatter_(1, torch.where((seen < 0) | (seen == own), scores.shape[1], seen), -torch.inf)
    return kept[:, :-1]
