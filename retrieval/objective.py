"""From a batch of rows to its loss: which columns it is held against, what they look like, and what corrects them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from retrieval.candidate_features import CandidateFeatures, candidate_features
from retrieval.config import Negatives, PositiveCorrection, TrainingConfig
from retrieval.content import FIRST_ITEM, NEW_ITEM, ItemContent, item_rows
from retrieval.ids import UNKNOWN
from retrieval.log_q import StreamingFrequency, interval_probabilities, log_q_of_mixture, log_q_of_positive
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
        if self.config.negatives == Negatives.SEEN:
            return self._against_seen(candidate, vectors, batch)
        pool = self._pool(batch.interval, rng, candidate.config.id_dropout)
        if self.config.negatives_for(len(self.content)) == Negatives.ALL:
            columns = np.arange(len(self.content))
            candidates = self._candidates(candidate, batch.interval, columns)
            loss = full_softmax_loss(
                vectors,
                candidates,
                self._tensor(batch.item_idx),
                temperature=self.config.temperature,
                known=self._known(batch, columns),
                absent=self._absent(batch, columns, pool),
            )
            chosen = candidates[self._tensor(batch.item_idx)]
        else:
            drawn_from = np.flatnonzero(pool)
            count = min(self.config.uniform_negatives, len(drawn_from))
            drawn = drawn_from[uniform_negatives(rng, len(drawn_from), count)]
            columns = np.concatenate([batch.item_idx, drawn])
            candidates = self._candidates(candidate, batch.interval, columns)  # (batch + uniform, width)
            hard = None if previous is None else self._hard(candidate, vectors, batch, rng, previous)
            loss = self._against_draws(vectors, candidates, columns, batch, hard, pool_size=len(drawn_from))
            chosen = candidates[: len(batch)]
        weight = self.config.impression_weight
        return with_term(loss, weight, lambda: self._impressions(candidate, vectors, chosen, batch))

    @property
    def fewest_rows(self) -> int:
        """Of a batch: 1 where a row finds negatives beside those of the others."""
        whole = self.config.negatives_for(len(self.content)) == Negatives.ALL
        return 1 if whole or self.config.uniform_negatives else 2

    def give_new_rows(self, candidate: CandidateTower) -> None:
        """Write what the unknown learned into the rows of items without a positive, which training did not touch: so
        the exported tower and a warm start meet it there, too."""
        rows = torch.from_numpy(np.flatnonzero(self._id_rows == NEW_ITEM) + FIRST_ITEM).to(self.device)
        with torch.no_grad():
            for table in (candidate.items, candidate.biases):
                table.weight[rows] = table.weight[NEW_ITEM].clone()

    def index_vectors(self, candidate: CandidateTower) -> Tensor:
        """(num_items, width) of all items at the end of the window, without gradient: what the index gets, but for a
        prior."""
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
        return candidate_features(self.content, self.snapshots.latest, self.until_s, id_rows=self._id_rows)

    def features(self, interval: int, columns: np.ndarray) -> CandidateFeatures:
        """Of some items in an interval: counts as they stood when it began, ages as they are when it ends.

        So neither knows of a row when it happened. Ages of the beginning would have none for what came out since, which
        at the end of the window, where the index stands, is what is newest.
        """
        counts, end_s = self.snapshots.counts(interval), self.spool.end_s(interval)
        return candidate_features(self.content, counts, end_s, columns, id_rows=self._id_rows)

    def tensors(self, arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
        return {name: self._tensor(array) for name, array in arrays.items()}

    def _against_draws(
        self,
        vectors: Tensor,
        candidates: Tensor,
        columns: np.ndarray,
        batch: Piece,
        hard: HardNegatives | None,
        *,
        pool_size: int,
    ) -> Tensor:
        """pool_size: how many items the columns beyond the batch's own were drawn from."""
        if self.config.negatives == Negatives.GRAMIAN:
            return self._gramian(vectors, candidates)
        blocks = self._blocks(len(batch))
        log_q = self._log_q(columns, batch, round(len(batch) / (blocks[-1] + 1)), pool_size)
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
            absent=self._absent(batch, columns),
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
        if self.config.out_only:
            scores[self.content.published_s > batch.at_s[:, None]] = -np.inf
        scores[:, self._id_rows == NEW_ITEM] = -np.inf
        ranked = top_ranked(scores, self.config.hard_skip + self.config.hard_window)
        mined, log_q = mine_hard_negatives(
            rng,
            np.where(np.isneginf(np.take_along_axis(scores, ranked, axis=1)), UNKNOWN, ranked),
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

    def _against_seen(self, candidate: CandidateTower, vectors: Tensor, batch: Piece) -> Tensor:
        """Nothing else; a batch that saw nothing moves nothing."""
        chosen = self._candidates(candidate, batch.interval, batch.item_idx)
        loss = self._impressions(candidate, vectors, chosen, batch)
        return self.config.impression_weight * loss + 0.0 * vectors.sum()

    def _impressions(self, candidate: CandidateTower, vectors: Tensor, chosen: Tensor, batch: Piece) -> Tensor:
        """What the rows' readers saw and did not choose should score lower than what they chose."""
        readers, shown = batch.readers.astype(np.int64), batch.not_chosen.astype(np.int64)
        liked = self.spool.known.contains(readers, shown) | (shown == batch.item_idx[:, None])
        present = (shown != UNKNOWN) & ~liked  # passed over once, chosen another time
        if not present.any():
            return vectors.new_zeros(())
        return pairwise_loss(
            vectors,
            chosen,
            self._in_rows(candidate, batch.interval, np.where(present, shown, UNKNOWN)),
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

    def _pool(self, interval: int, rng: np.random.Generator, id_dropout: float) -> np.ndarray:
        """(num_items,) bool: what may serve as a negative beside a batch's own items.

        With `out_only` nothing that was not out by the end of the interval. Of items without a positive a random share,
        as large as that of ids which training hides: they are those that were never chosen, so as negatives of full
        weight they would teach the row of the unknown, which they have, that no new item ever is.
        """
        known = self._id_rows != NEW_ITEM
        pool = known if known.all() else known | (rng.random(len(known)) < id_dropout)
        if self.config.out_only:
            pool = pool & ~(self.content.published_s > self.spool.end_s(interval))  # NaN, no date, is never late
        return pool if pool.any() else known  # dates that say so are wrong

    def _absent(self, batch: Piece, columns: np.ndarray, pool: np.ndarray | None = None) -> Tensor | None:
        """(batch, columns) bool, what came out after a row happened or is not in the pool; None where there is none.

        That a row's own time decides gives nothing away: it takes columns from the row, and changes none.
        """
        published_s = self.content.published_s[columns]
        absent = None
        if self.config.out_only and (published_s > batch.at_s.min()).any():
            absent = self._tensor(published_s) > self._tensor(batch.at_s)[:, None]
        if pool is not None and not pool.all():
            outside = torch.from_numpy(~pool[columns]).to(self.device).expand(len(batch), -1)
            absent = outside if absent is None else absent | outside
        return absent

    def _log_q(self, columns: np.ndarray, batch: Piece, block_size: int, pool_size: int) -> np.ndarray:
        """(columns,) float32. A streaming estimate is asked before it sees the batch: afterwards an item would look the
        more frequent for standing in it."""
        if self.config.streaming_rate is None:
            of_interval = self.spool.draws[batch.interval]
            p = interval_probabilities(
                of_interval.of(columns),
                of_interval=of_interval.total,
                of_window=self._window_draws,
                num_items=len(self.content),
            )
        else:
            p = self.memory.streaming().probability(columns)
            self.memory.observe(batch.item_idx)
        return log_q_of_mixture(p, block_size, len(columns) - len(batch), pool_size)

    @cached_property
    def _window_draws(self) -> float:
        return float(self.spool.expected_draws.sum())

    @cached_property
    def _id_rows(self) -> np.ndarray:
        """(num_items,) int32 rows of the id table. An item that nobody chose in the window has the row of the unknown:
        one of its own would be trained as a negative alone, and say less of it than its content."""
        items = np.arange(len(self.content))
        return item_rows(np.where(self.spool.expected_draws > 0, items, UNKNOWN))

    @property
    def _strength(self) -> np.float32:
        return np.float32(self.config.log_q_strength)

    def _tensor(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return (tensor if tensor.is_floating_point() else tensor.long()).to(self.device)
