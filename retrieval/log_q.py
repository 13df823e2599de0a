"""How often an item is expected among the negatives of a row: what the logQ correction of a sampled softmax subtracts.

Two ways to the probability that the batch sampler draws an item: counted for the interval that the batch comes from
(`interval_probabilities`), or estimated from the stream of batches, across intervals (`StreamingFrequency`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RATE = 0.001
"""Learning rate of the streaming estimator. Gaps are about exponential, so the estimate strays by sqrt(rate / 2), 0.022
nat: 0.1 nat is four and a half deviations away. Its memory is the last 1 / rate occurrences of each item."""


def interval_probabilities(draws: np.ndarray, *, of_interval: float, of_window: float, num_items: int) -> np.ndarray:
    """p_j, the probability that a row of a batch holds item j, where batches come from one refresh interval each.

    draws: any shape, how often an epoch draws each of some items out of this interval, after everything that changes a
    draw: sampling weights, caps a reader, decay by age. A weight that only multiplies a row's loss changes no draw and
    does not belong here.  of_interval: all items, out of it.  of_window: all items, out of all intervals.  num_items:
    of the catalogue.
    Add-one smoothed over the window: an interval gets its share of every item's one draw more. So the mean over batches
    is (draws + 1) / (of_window + num_items), and a window of one interval has exactly that.
    An item that everybody chose on one day of fifty is fifty times as frequent there as the window says.
    Returns float64 of the shape of draws; over all items it sums to 1. Raises ValueError for no item, and for draws
    that are negative or no numbers.
    """
    draws = np.asarray(draws, np.float64)
    if num_items < 1 or not np.isfinite([draws.sum(), of_interval, of_window]).all() or (draws < 0).any():
        raise ValueError(
            f"Draws must be finite and not negative, of at least one item; here are {num_items} items, and "
            f"{of_interval} draws of {of_window}."
        )
    share = of_interval / of_window if of_window else 1.0
    return (draws + share) / (of_interval + num_items * share)


def log_q_of_mixture(p: np.ndarray, batch_size: int, num_uniform: int, num_items: int) -> np.ndarray:
    """log q[j] = ln((B-1) p_j + U/N): ln of how often item j is expected among the negatives of a row.

    p: any shape, the probability that one row of a batch holds the item.  batch_size: B rows, of which the B-1 others
    lend their items as negatives.  num_uniform: U items drawn uniformly from the catalogue's `num_items`, N.
    Returns float32 of p's shape, finite. Mixture after Yang et al., WWW 2020, "Mixed Negative Sampling for Learning
    Two-tower Neural Networks in Recommendations"; the paper weighs probabilities of the two sources, we add up expected
    counts, which differs by a constant that the softmax forgets, and leaves the diagonal out (B-1, not B).
    Raises ValueError for a row without negatives (B=1, U=0), for impossible sizes, and for p outside [0, 1] or so small
    that an item would be expected never.
    """
    if batch_size < 1 or num_uniform < 0 or num_items < 1:
        raise ValueError(f"{batch_size} rows, {num_uniform} uniform negatives and {num_items} items: impossible sizes.")
    if batch_size == 1 and num_uniform == 0:
        raise ValueError("A batch of one row without uniform negatives has no negatives. Enlarge either.")
    p = np.asarray(p, np.float64)
    expected = (batch_size - 1) * p + num_uniform / num_items
    if not ((p >= 0) & (p <= 1) & (expected > 0)).all():
        raise ValueError(
            "p must lie within [0, 1], and above 0 where nothing is drawn uniformly: a negative that is never drawn "
            "has no correction. Smooth the counts: `interval_probabilities`."
        )
    return np.log(expected).astype(np.float32)


def log_q_of_positive(log_q: np.ndarray) -> np.ndarray:
    """ln(q / (1 + q)) from ln q: the correction of a row's own item when its other copies in the batch are masked.

    The item is there once for certain and q more times in expectation; unmasked, each column would weigh 1/q. One
    column that stands for all of them weighs (1 + q)/q. Where q is small that is the same formula as everywhere, where
    it is large the positive is left uncorrected. Same shape and dtype.
    """
    return -np.logaddexp(0, -log_q)


@dataclass(eq=False)
class StreamingFrequency:
    """Probability of each item in a stream of training examples, in bounded memory, following drift.

    Yi et al., RecSys 2019, "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", algorithms
    2 and 3: hashed arrays of when an item was last seen (A) and of the mean gap between two sights (B); p = 1 / B, and
    of several hashes the one with the largest gap, since a collision can only shorten gaps. Where we depart from it:

    - The clock counts examples, not batches. By batches no gap is shorter than one, so an item six times in every
      batch would look six times too rare. Here the result does not depend on where the stream is cut.
    - The rate of a bucket's n-th gap is max(rate, 1/n): a plain mean at first, so that no initial value matters.
    - The open gap since the last sight counts as one more gap when asked. Until 1/rate sights that makes the answer
      (n+1) / (examples+1), add-one smoothed like `interval_probabilities`; an item never seen gets 1 / (examples+1),
      and one that no longer comes fades.

    The state is these fields, changed in place by `observe`; saving and restoring them resumes exactly.

    multipliers: (num_hashes,) uint64, odd.  last_seen: (num_hashes, buckets) int64, number of the example, from 1; 0 is
    never.  gaps: float64, examples.  sights: int64.  examples: how many were observed.
    """

    multipliers: np.ndarray
    last_seen: np.ndarray
    gaps: np.ndarray
    sights: np.ndarray
    rate: float = RATE
    examples: int = 0

    @classmethod
    def empty(
        cls, rng: np.random.Generator, *, log2_buckets: int, num_hashes: int = 2, rate: float = RATE
    ) -> StreamingFrequency:
        """2**log2_buckets buckets a hash: several times the number of items keeps collisions rare.

        Raises ValueError for a rate outside (0, 1), no hash, or a number of buckets that no machine holds.
        """
        if not 0 < rate < 1:
            raise ValueError(f"rate is {rate}, but is the weight of the newest gap: above 0 and below 1.")
        if num_hashes < 1 or not 1 <= log2_buckets <= 32:
            raise ValueError(f"{num_hashes} hashes of 2**{log2_buckets} buckets: take at least 1, of 2**1 to 2**32.")
        multipliers = rng.integers(2**63, size=num_hashes, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        shape = (num_hashes, 2**log2_buckets)
        return cls(multipliers, np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape, np.int64), rate)

    def observe(self, item_idx: np.ndarray) -> None:
        """Take in a batch: (batch,) int64, in the order in which its rows were drawn; an item may repeat."""
        for hash_number, buckets in enumerate(self._buckets(item_idx)):
            self._observe_buckets(hash_number, buckets)
        self.examples += len(item_idx)

    def probability(self, item_idx: np.ndarray) -> np.ndarray:
        """Of each item, (n,) int64, the probability that an example holds it: (n,) float64, above 0, at most 1."""
        buckets = self._buckets(item_idx)
        hashes = np.arange(len(self.multipliers))[:, None]
        rate = np.maximum(self.rate, 1 / (self.sights[hashes, buckets] + 1))
        open_gap = self.examples + 1 - self.last_seen[hashes, buckets]
        gaps = (1 - rate) * self.gaps[hashes, buckets] + rate * open_gap  # (num_hashes, n)
        return 1 / np.maximum(gaps.max(axis=0), 1)

    def _buckets(self, item_idx: np.ndarray) -> np.ndarray:
        """(num_hashes, n) int64; multiply-shift hashing: the upper bits of a product that wraps around."""
        shift = np.uint64(64 - (self.last_seen.shape[1].bit_length() - 1))
        return ((self.multipliers[:, None] * np.asarray(item_idx).astype(np.uint64)[None, :]) >> shift).astype(np.int64)

    def _observe_buckets(self, hash_number: int, buckets: np.ndarray) -> None:
        """The same as one update an example, all at once: occurrences of a bucket stand together, in order of time."""
        if not len(buckets):
            return
        last_seen, gaps, sights = self.last_seen[hash_number], self.gaps[hash_number], self.sights[hash_number]
        order = np.argsort(buckets, kind="stable")
        buckets, times = buckets[order], self.examples + 1 + order
        first = np.concatenate([[True], buckets[1:] != buckets[:-1]])
        starts = np.flatnonzero(first)
        runs = np.diff(np.append(starts, len(buckets)))  # occurrences of each distinct bucket
        touched = buckets[starts]

        before = np.where(first, last_seen[buckets], np.concatenate([[0], times[:-1]]))
        nth = np.arange(1, len(buckets) + 1) - np.repeat(starts, runs) + sights[buckets]  # number of this sight, from 1
        total = sights[touched] + runs
        kept = self._log_kept(total)
        share = np.maximum(self.rate, 1 / nth) * np.exp(np.repeat(kept, runs) - self._log_kept(nth))
        old_share = np.where(sights[touched] > 0, np.exp(kept - self._log_kept(np.maximum(sights[touched], 1))), 0.0)

        gaps[touched] = old_share * gaps[touched] + np.add.reduceat(share * (times - before), starts)
        last_seen[touched] = times[starts + runs - 1]
        sights[touched] = total

    def _log_kept(self, nth: np.ndarray) -> np.ndarray:
        """ln of what is left of the first gap's share at the n-th: the product of 1 - rate of gap i over i in 2..n."""
        plain = int(1 / self.rate)  # until here the rate is 1/n, and the product is 1/n
        return np.maximum(nth - plain, 0) * np.log1p(-self.rate) - np.log(np.minimum(nth, plain))
