"""From a batch of rows to its loss: which columns it is held against, what they look like, and what corrects them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from retrieval.candidate_features import CandidateFeatures, candidate_features
from retrieval.config import Negatives, PositiveCorrection, TrainingConfig
from retrieval.content import ItemContent
from retrieval.ids import UNKNOWN
from retrieval.log_q import StreamingFrequency, draw_probabilities, log_q_of_mixture, log_q_of_positive
from retrieval.losses import (
    Gramians,
    HardNegatives,
    averaged_gramian_loss,
    full_softmax_loss,
    gramian_loss,
    pairwise_loss,
    sampled_softmax_loss,
    with_term,
)
from retrieval.negatives import mine_hard_negatives, top_ranked, uniform_negatives
from retrieval.snapshots import Snapshots
from retrieval.spool import Piece, Spool
from retrieval.towers import CandidateTower, QueryTower

ITEMS_AT_ONCE = 8192
BUCKETS_AN_ITEM = 4
"""Of the streaming estimator, at least: so that of two hashes both collide for few items."""


class ObjectiveMemory(nn.Module):
    """Running estimates as buffers, like those of a batch norm: a checkpoint of the towers holds them too, so that a
    training that was stopped goes on with the same numbers.

    Holds nothing where `config` chooses neither the streaming logQ nor averaged Gramians.
    """

    last_seen: Tensor
    gaps: Tensor
    sights: Tensor
    examples: Tensor
    gram_query: Tensor
    gram_other: Tensor
    gram_steps: Tensor

    def __init__(self, config: TrainingConfig, num_items: int, width: int, device: torch.device) -> None:
        """width: of the towers' vectors."""
        super().__init__()
        self.rate = config.streaming_rate
        if self.rate is not None:
            estimator = StreamingFrequency.empty(
                np.random.default_rng(config.seed),
                log2_buckets=(BUCKETS_AN_ITEM * num_items).bit_length(),
                rate=self.rate,
            )
            self.multipliers = estimator.multipliers  # of the seed, so nothing that a checkpoint must hold
            for name in ("last_seen", "gaps", "sights"):
                self.register_buffer(name, torch.from_numpy(getattr(estimator, name)))
            self.register_buffer("examples", torch.zeros((), dtype=torch.int64))
        if config.gramian_rate < 1:
            empty = Gramians.empty(width, device=device)
            self.register_buffer("gram_query", empty.query)
            self.register_buffer("gram_other", empty.other)
            self.register_buffer("gram_steps", torch.zeros((), dtype=torch.int64))

    def streaming(self) -> StreamingFrequency:
        """The estimate so far; only with a `streaming_rate`. What it observes must go through `observe`."""
        if self.rate is None:
            raise ValueError("This training counts draws over the whole window: it was given no streaming_rate.")
        return StreamingFrequency(
            self.multipliers,
            self.last_seen.numpy(),
            self.gaps.numpy(),
            self.sights.numpy(),
            self.rate,
            int(self.examples),
        )

    def observe(self, item_idx: np.ndarray) -> None:
        """Take in the items of a batch's rows, in order."""
        estimate = self.streaming()
        estimate.observe(item_idx)  # writes into the buffers, but for the number of examples
        self.examples.fill_(estimate.examples)

    def gramians(self) -> Gramians:
        """The averages so far; only with a `gramian_rate` below 1."""
        return Gramians(self.gram_query, self.gram_other, int(self.gram_steps))

    def keep(self, gramians: Gramians) -> None:
        self.gram_query.copy_(gramians.query)
        self.gram_other.copy_(gramians.other)
        self.gram_steps.fill_(gramians.steps)


@dataclass(frozen=True, eq=False)
class Objective:
    """What a training makes smaller. Draws its negatives from the generator it is given.

    until_s: the end of the training window, seconds since 1970 UTC.  memory: what a batch's loss hands to the next's;
    nothing else here changes.
    """

    content: ItemContent
    spool: Spool
    snapshots: Snapshots
    config: TrainingConfig
    until_s: float
    device: torch.device
    memory: ObjectiveMemory

    def loss(
        self,
        query: QueryTower,
        candidate: CandidateTower,
        batch: Piece,
        rng: np.random.Generator,
        previous: Tensor | None = None,
    ) -> Tensor:
        """Of one batch, a scalar. previous: (num_items, width) vectors of the epoch before, to mine hard negatives."""
        vectors = query(**self.tensors(batch.features.trimmed().arrays()))  # (batch, width)
        if self.config.negatives_for(len(self.content)) == Negatives.ALL:
            columns = np.arange(len(self.content))
            candidates = self._candidates(candidate, batch.interval, columns)
            loss = full_softmax_loss(
                vectors,
                candidates,
                self._tensor(batch.item_idx),
                temperature=self.config.temperature,
                known=self._known(batch, columns),
            )
            chosen = candidates[self._tensor(batch.item_idx)]
        else:
            count = min(self.config.uniform_negatives, len(self.content))
            columns = np.concatenate([batch.item_idx, uniform_negatives(rng, len(self.content), count)])
            candidates = self._candidates(candidate, batch.interval, columns)  # (batch + uniform, width)
            hard = None if previous is None else self._hard(candidate, vectors, batch, rng, previous)
            loss = self._against_draws(vectors, candidates, columns, batch, hard)
            chosen = candidates[: len(batch)]
        weight = self.config.impression_weight
        return with_term(loss, weight, lambda: self._impressions(candidate, vectors, chosen, batch))

    def index_vectors(self, candidate: CandidateTower) -> Tensor:
        """(num_items, width) of all items at the end of the window, without gradient: what the index gets."""
        features = self.latest_features()
        candidate.eval()
        with torch.no_grad():
            parts = [
                candidate(**self.tensors(features.take(rows).arrays()))
                for rows in np.array_split(np.arange(len(features)), len(features) // ITEMS_AT_ONCE + 1)
            ]
        return torch.cat(parts)

    def latest_features(self) -> CandidateFeatures:
        """Of all items at the end of the window."""
        return candidate_features(self.content, self.snapshots.latest, self.until_s)

    def features(self, interval: int, columns: np.ndarray) -> CandidateFeatures:
        """Of some items, as the index had them when the interval began."""
        at_s = interval * self.spool.interval_s
        return candidate_features(self.content, self.snapshots.counts(interval), at_s, columns)

    def tensors(self, arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
        return {name: self._tensor(array) for name, array in arrays.items()}

    def _against_draws(
        self, vectors: Tensor, candidates: Tensor, columns: np.ndarray, batch: Piece, hard: HardNegatives | None
    ) -> Tensor:
        if self.config.negatives == Negatives.GRAMIAN:
            return self._gramian(vectors, candidates)
        blocks = self._blocks(len(batch))
        log_q = self._log_q(columns, batch, round(len(batch) / (blocks[-1] + 1)))
        corrections = {
            PositiveCorrection.SAME: None,
            PositiveCorrection.NONE: np.zeros(len(batch), np.float32),
            PositiveCorrection.OWN: self._strength * log_q_of_positive(log_q[: len(batch)]),
        }
        of_positive = corrections[self.config.positive_correction]
        return sampled_softmax_loss(
            vectors,
            candidates,
            self._tensor(columns),
            self._tensor(self._strength * log_q),
            temperature=self.config.temperature,
            known=self._known(batch, columns),
            positive_log_q=None if of_positive is None else self._tensor(of_positive),
            blocks=None if blocks[-1] == 0 else self._tensor(blocks),
            hard=hard,
        )

    def _gramian(self, vectors: Tensor, candidates: Tensor) -> Tensor:
        """candidates: (batch + uniform, width)."""
        config, batch = self.config, len(vectors)
        pressed = torch.cat([candidates[:batch][: config.in_batch_negatives], candidates[batch:]])
        if config.gramian_rate == 1:
            return gramian_loss(vectors, candidates, pressed, penalty=config.gramian_weight)
        loss, gramians = averaged_gramian_loss(
            vectors,
            candidates,
            pressed,
            self.memory.gramians(),
            penalty=config.gramian_weight,
            rate=config.gramian_rate,
        )
        self.memory.keep(gramians)
        return loss

    def _blocks(self, batch_size: int) -> np.ndarray:
        """(batch,) int64, the block of each row, rising from 0; sizes differ by one at most. A batch too small for two
        blocks is one."""
        wanted = self.config.in_batch_negatives
        number = 1 if wanted is None else max(1, batch_size // (wanted + 1))
        return np.arange(batch_size) * number // batch_size

    def _hard(
        self, candidate: CandidateTower, vectors: Tensor, batch: Piece, rng: np.random.Generator, previous: Tensor
    ) -> HardNegatives:
        """Items that the vectors of the epoch before rank high for these rows, as the candidate tower sees them now."""
        scores = (vectors.detach() @ previous.T).float().cpu().numpy()
        known = self.spool.known.pairs(batch.readers, np.arange(len(self.content)))
        scores[known[:, 0], known[:, 1]] = -np.inf  # so that no rank is lost to what cannot be mined
        mined, log_q = mine_hard_negatives(
            rng,
            top_ranked(scores, self.config.hard_skip + self.config.hard_window),
            batch.readers.astype(np.int64),
            self.spool.known,
            skip=self.config.hard_skip,
            window=self.config.hard_window,
            count=self.config.hard_negatives,
        )
        return HardNegatives(
            self._in_rows(candidate, batch.interval, mined),
            self._tensor(mined),
            torch.from_numpy(mined != UNKNOWN).to(self.device),
            self._tensor(log_q),
        )

    def _impressions(self, candidate: CandidateTower, vectors: Tensor, chosen: Tensor, batch: Piece) -> Tensor:
        """What the rows' readers saw and did not choose should score lower than what they chose."""
        present = batch.not_chosen != UNKNOWN
        if not present.any():
            return vectors.new_zeros(())
        return pairwise_loss(
            vectors,
            chosen,
            self._in_rows(candidate, batch.interval, batch.not_chosen),
            torch.from_numpy(present).to(self.device),
            temperature=self.config.temperature,
        )

    def _in_rows(self, tower: CandidateTower, interval: int, item_idx: np.ndarray) -> Tensor:
        """(n, m) item_idx, `UNKNOWN` for none, to (n, m, width): each item goes through the tower once; none is 0."""
        unique, place = np.unique(np.maximum(item_idx, 0), return_inverse=True)
        vectors = self._candidates(tower, interval, unique)[self._tensor(place.reshape(item_idx.shape))]
        return vectors * torch.from_numpy(item_idx != UNKNOWN).to(self.device).unsqueeze(2)

    def _candidates(self, tower: CandidateTower, interval: int, columns: np.ndarray) -> Tensor:
        vectors: Tensor = tower(**self.tensors(self.features(interval, columns).arrays()))
        return vectors

    def _known(self, batch: Piece, columns: np.ndarray) -> Tensor:
        return self._tensor(self.spool.known.pairs(batch.readers, columns))

    def _log_q(self, columns: np.ndarray, batch: Piece, block_size: int) -> np.ndarray:
        """(columns,) float32. A streaming estimate is asked before it sees the batch: afterwards an item would look the
        more frequent for standing in it."""
        if self.config.streaming_rate is None:
            p = self._draw_probabilities[columns]
        else:
            p = self.memory.streaming().probability(columns)
            self.memory.observe(batch.item_idx)
        return log_q_of_mixture(p, block_size, len(columns) - len(batch), len(self.content))

    @cached_property
    def _draw_probabilities(self) -> np.ndarray:
        return draw_probabilities(self.spool.expected_draws)

    @property
    def _strength(self) -> np.float32:
        return np.float32(self.config.log_q_strength)

    def _tensor(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return (tensor if tensor.is_floating_point() else tensor.long()).to(self.device)
