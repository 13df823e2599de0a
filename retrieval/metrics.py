"""How good lists are: against what readers then chose, and for the catalogue as a whole.

A list is a row of `ranked`: (queries, at least k) int64 item_idx, the best first, no item twice, `NOTHING` after the
last; `ranked_items` makes such rows. Positives are what the reader chose, item_idx, a list of arrays, one a query.
Recall, NDCG and MRR are averages over queries of what these functions return, a float64 for each: in [0, 1], NaN for a
query without positives, which has nothing to find and belongs in no average (use `reader_means`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NOTHING = -1
"""Fills a list up to k where fewer items could be ranked."""

_RESAMPLED_AT_ONCE = 4_000_000
_SORTED_AT_ONCE = 250_000
"""Few enough to stay in a processor's cache."""

_TIE_BITS = 0xFFFFFFFF
_NEVER = int((np.array(-np.inf, np.float32).view(np.int32)) ^ np.int32(0x7FFFFFFF))
"""The upper half of a key whose item is not to be listed: what -inf has."""


def ranked_items(scores: np.ndarray, seen: Sequence[np.ndarray], k: int, *, seed: int) -> np.ndarray:
    """The `k` best items of the whole catalogue for each query, without those that its reader has seen.

    scores: (queries, num_items), ranked as float32; -inf for an item that is not proposed at all.
    seen: item_idx, an array for each query.
    Items of one score stand in an order drawn once by `seed`, which knows nothing of positives: a model that
    scores everything alike is judged as a random order, not by where the file happened to put the answer.
    Returns (queries, k) int64, ends of rows filled with `NOTHING`. Raises ValueError for NaN or lengths that differ.
    """
    num_queries, num_items = scores.shape
    if len(seen) != num_queries:
        raise ValueError(f"{num_queries} rows of scores, but seen items for {len(seen)} queries.")
    if k < 1:
        raise ValueError(f"k is {k}; a list has at least one place.")
    if np.isnan(scores.max(axis=1, initial=-np.inf)).any():
        raise ValueError("Scores hold NaN, which has no place in an order. Give -inf to what is not to be proposed.")
    item_of_tie = np.random.default_rng(seed).permutation(num_items)
    tie_of_item = np.argsort(item_of_tie)
    ranked = np.full((num_queries, k), NOTHING, dtype=np.int64)
    at_once = max(1, _SORTED_AT_ONCE // max(1, num_items))
    for begin in range(0, num_queries, at_once):
        block = slice(begin, begin + at_once)
        keys = _best_keys(scores[block], seen[block], tie_of_item, min(k, num_items))
        items = item_of_tie[keys & _TIE_BITS]
        ranked[block, : items.shape[1]] = np.where(keys >> 32 > _NEVER, items, NOTHING)
    return ranked


def recall_at_k(ranked: np.ndarray, positives: Sequence[np.ndarray], k: int) -> np.ndarray:
    """Share of a query's positives that stand among the first k. With more than k positives 1 cannot be reached."""
    hits, totals = _hits(ranked, positives, k)
    return _per_positive(hits.sum(axis=1), totals)


def ndcg_at_k(ranked: np.ndarray, positives: Sequence[np.ndarray], k: int) -> np.ndarray:
    """Discounted gain, 1 / log2(place + 1) for each hit, over that of a list with nothing but positives in front.

    Järvelin and Kekäläinen, TOIS 2002, "Cumulated gain-based evaluation of IR techniques", with gains of 0 and 1.
    """
    hits, totals = _hits(ranked, positives, k)
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(totals, k)]
    return _per_positive(hits @ discounts, ideal)


def mrr_at_k(ranked: np.ndarray, positives: Sequence[np.ndarray], k: int) -> np.ndarray:
    """1 / (place of the first positive, counted from 1); 0 where none stands among the first k."""
    hits, totals = _hits(ranked, positives, k)
    first = np.where(hits.any(axis=1), 1 / (1 + hits.argmax(axis=1)), 0.0)
    return np.where(totals > 0, first, np.nan)


def catalogue_coverage(ranked: np.ndarray, k: int, *, num_items: int) -> float:
    """Share of the catalogue that stands in at least one list, among its first k."""
    if num_items < 1:
        raise ValueError("An empty catalogue cannot be covered.")
    return len(np.unique(_listed(ranked, k))) / num_items


def novelty(ranked: np.ndarray, k: int, *, item_counts: np.ndarray, num_readers: int) -> float:
    """Mean self-information of the items listed, in bits: -log2 of the share of readers who had chosen the item.

    item_counts: (num_items,) how many of `num_readers` had; both add-one smoothed, so an item nobody had is finite.
    Vargas and Castells, RecSys 2011, "Rank and relevance in novelty and diversity metrics". NaN for empty lists.
    """
    shares = (item_counts[_listed(ranked, k)] + 1) / (num_readers + 1)
    return float(np.mean(-np.log2(shares))) if len(shares) else float("nan")


def popularity_bias(ranked: np.ndarray, k: int, *, item_counts: np.ndarray) -> float:
    """How often an item listed had been chosen, over how often an item chosen had been; both means.

    1: lists are as popular as what readers choose of their own; above: they push what is popular already.
    item_counts: (num_items,), not all 0. NaN for empty lists.
    """
    counts = item_counts.astype(np.float64)
    if not counts.sum() > 0:
        raise ValueError("item_counts are all 0: nothing was chosen, so nothing is popular.")
    listed = _listed(ranked, k)
    return float(counts[listed].mean() * counts.sum() / (counts @ counts)) if len(listed) else float("nan")


def overlap(ranked: np.ndarray, k: int) -> float:
    """Mean over all pairs of lists of the items that both hold, as a share of k; NaN for fewer than two lists.

    1: everybody gets the same list.
    """
    if len(ranked) < 2:
        return float("nan")
    lists_of_item = np.unique(_listed(ranked, k), return_counts=True)[1].astype(np.float64)
    pairs = len(ranked) * (len(ranked) - 1)
    return float((lists_of_item * (lists_of_item - 1)).sum() / (pairs * k))


def reader_means(values: np.ndarray, reader_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A reader's mean over her queries, so that everybody counts once: (reader ids in rising order, means).

    NaN values are left out; the mean is NaN for a reader who has no other.
    """
    readers, place = np.unique(reader_ids, return_inverse=True)
    known = ~np.isnan(values)
    sums = np.bincount(place[known], weights=values[known], minlength=len(readers))
    counts = np.bincount(place[known], minlength=len(readers))
    return readers, np.divide(sums, counts, out=np.full(len(readers), np.nan), where=counts > 0)


@dataclass(frozen=True)
class Interval:
    """A mean difference and the bounds between which it lies by `level`, in the metric's own unit."""

    mean: float
    low: float
    high: float


def paired_bootstrap(
    ours: np.ndarray, theirs: np.ndarray, *, seed: int, resamples: int = 5_000, level: float = 0.95
) -> Interval:
    """How much better `ours` is, by readers drawn again and again with replacement (percentile interval).

    ours, theirs: (seeds, readers), column for column the same readers; the number of seeds may differ. A reader is
    averaged over seeds first: how much training differs by seed is another question (`seed_spread`).
    NaN in both for a reader who does not count. Raises ValueError for other shapes, NaN in one only, no readers.
    """
    if ours.ndim != 2 or theirs.ndim != 2 or ours.shape[1] != theirs.shape[1]:
        raise ValueError(f"Both must be (seeds, the same readers), but the shapes are {ours.shape} and {theirs.shape}.")
    differences = ours.mean(axis=0) - theirs.mean(axis=0)
    counted = ~np.isnan(differences)
    if (counted != ~np.isnan(ours).any(axis=0)).any() or (counted != ~np.isnan(theirs).any(axis=0)).any():
        raise ValueError("A reader with a value on one side only cannot be paired.")
    differences = differences[counted]
    if not len(differences):
        raise ValueError("No reader has values, so there is nothing to compare.")
    rng = np.random.default_rng(seed)
    at_once = max(1, _RESAMPLED_AT_ONCE // len(differences))
    means = [
        differences[rng.integers(len(differences), size=(min(at_once, resamples - done), len(differences)))].mean(
            axis=1
        )
        for done in range(0, resamples, at_once)
    ]
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(differences.mean()), float(low), float(high))


def seed_spread(values: np.ndarray) -> float:
    """Standard deviation (ddof 1) between seeds of the mean over readers, NaN for one. values: (seeds, readers)."""
    return float(np.nanmean(values, axis=1).std(ddof=1)) if len(values) > 1 else float("nan")


def _best_keys(scores: np.ndarray, seen: Sequence[np.ndarray], tie_of_item: np.ndarray, width: int) -> np.ndarray:
    """(queries, width) int64, falling: the score in the upper 32 bits, the item's tie in the lower, so all differ.

    A float32's bits order as an int once those of negative numbers are turned round; adding 0 makes -0.0 into 0.0.
    """
    bits = (scores.astype(np.float32) + np.float32(0)).view(np.int32)
    bits ^= (bits >> 31) & np.int32(0x7FFFFFFF)
    keys = bits.astype(np.int64)
    keys <<= 32
    keys |= tie_of_item
    rows, items = _flat(seen)
    keys[rows, items] = tie_of_item[items] + (_NEVER << 32)
    keys.partition(keys.shape[1] - width, axis=1)
    return np.sort(keys[:, keys.shape[1] - width :], axis=1)[:, ::-1]


def _hits(ranked: np.ndarray, positives: Sequence[np.ndarray], k: int) -> tuple[np.ndarray, np.ndarray]:
    """Where a positive stands, (queries, k) bool, and how many different ones each query has, (queries,) int64."""
    if len(positives) != len(ranked):
        raise ValueError(f"{len(ranked)} lists, but positives for {len(positives)} queries.")
    listed = _first(ranked, k)
    rows, items = _flat(positives)
    span = 2 + max(int(listed.max(initial=0)), int(items.max(initial=0)))
    wanted = np.unique(rows * span + items)
    found = np.isin(listed + np.arange(len(listed))[:, None] * span, wanted) & (listed != NOTHING)
    return found, np.bincount(wanted // span, minlength=len(listed))


def _first(ranked: np.ndarray, k: int) -> np.ndarray:
    if not 1 <= k <= ranked.shape[1]:
        raise ValueError(f"The first {k} of lists of {ranked.shape[1]} were asked for. Rank at least {k} items.")
    return ranked[:, :k]


def _listed(ranked: np.ndarray, k: int) -> np.ndarray:
    """All items of all lists, one behind the other."""
    first = _first(ranked, k)
    return first[first != NOTHING]


def _flat(lists: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(number of the list, item) for every entry of all lists."""
    lengths = np.fromiter((len(each) for each in lists), np.int64, count=len(lists))
    items = np.concatenate([np.empty(0, np.int64), *lists]).astype(np.int64)
    return np.repeat(np.arange(len(lists)), lengths), items


def _per_positive(gain: np.ndarray, most: np.ndarray) -> np.ndarray:
    return np.divide(gain, most, out=np.full(len(most), np.nan), where=most > 0)
