"""The rival to logQ: train without correction, and add the popularity of an item when serving.

A softmax with popular negatives that are not corrected learns s/tau = ln P(d | q) - ln P(d), up to a constant of the
query; serving adds alpha ln P(d) back, and alpha tunes how much. It costs no second pass: the prior is one extra
dimension of the vectors, and the index ranks by it. `prior_towers.py` gives trained towers that dimension;
`python -m benchmarks negatives` and the loop compare it with logQ.
"""

from __future__ import annotations

import numpy as np

from retrieval.hashing import PADDING


def log_prior(counts: np.ndarray, topic_offsets: np.ndarray, topic_idx: np.ndarray) -> np.ndarray:
    """ln P(d) of each item, P its share of all counts; an item without counts gets its topics' median.

    counts: (num_items,) at least 0, such as positives in the training window, weighted or not.
    topic_offsets: (num_items + 1,) int64, topic_idx: flat int64, from 0: item i has the topics
    topic_idx[topic_offsets[i] : topic_offsets[i + 1]], each once.
    An item without counts is new: it gets the mean over its topics of the median ln P among a topic's counted items;
    topics without a counted item do not vote, and where none votes it is the median of all counted items. When nothing
    is counted at all, every item gets ln(1 / num_items).
    Returns (num_items,) float32, finite.
    Raises ValueError for offsets that do not fit, and for counts below 0 or no numbers.
    """
    counts = np.asarray(counts, np.float64)
    num_items = len(counts)
    _check(counts, topic_offsets, topic_idx)
    counted = counts > 0
    if not counted.any():
        return np.full(num_items, -np.log(max(num_items, 1)), np.float32)
    known = np.log(counts, out=np.zeros(num_items), where=counted) - np.log(counts.sum())

    owner = np.repeat(np.arange(num_items), np.diff(topic_offsets))
    teaches = counted[owner]
    medians = _medians(topic_idx[teaches], known[owner[teaches]], int(topic_idx.max(initial=-1)) + 1)
    votes = medians[topic_idx]
    cast = ~np.isnan(votes)
    number = np.bincount(owner[cast], minlength=num_items)
    total = np.bincount(owner[cast], weights=votes[cast], minlength=num_items)
    of_topics = np.where(number > 0, total / np.maximum(number, 1), np.median(known[counted]))
    return np.where(counted, known, of_topics).astype(np.float32)


def log_prior_by_rows(counts: np.ndarray, topics: np.ndarray) -> np.ndarray:
    """As `log_prior`, of topics as rows of `ItemContent`.

    topics: (num_items, width) int32, `PADDING` for none; one that stands twice, by a collision, votes once.
    """
    ordered = np.sort(topics, axis=1)
    is_first = np.diff(ordered, axis=1, prepend=PADDING) != 0
    offsets = np.concatenate([[0], np.cumsum(is_first.sum(axis=1))]).astype(np.int64)
    return log_prior(counts, offsets, ordered[is_first].astype(np.int64))


def extend_query(query: np.ndarray) -> np.ndarray:
    """(n, dim) -> (n, dim + 1): the constant 1 that meets the prior of `extend_candidates`."""
    return np.concatenate([query, np.ones((len(query), 1), query.dtype)], axis=1)


def extend_candidates(candidates: np.ndarray, log_prior: np.ndarray, *, alpha: float, temperature: float) -> np.ndarray:
    """(num_items, dim) -> (num_items, dim + 1): the inner product becomes s + tau alpha ln P, tau (s/tau + alpha ln P).

    log_prior: (num_items,).  alpha: at least 0; 0 leaves every score as it was.  temperature: as trained with.
    The longer vectors have no unit norm: their index must rank by inner product, not by cosine.
    Raises ValueError for a prior of another length, a negative alpha or a temperature that is not above 0.
    """
    if log_prior.shape != (len(candidates),):
        raise ValueError(f"{len(candidates)} candidates need one prior each, but it has the shape {log_prior.shape}.")
    added = added_scores(log_prior, alpha=alpha, temperature=temperature)
    return np.concatenate([candidates, added.astype(candidates.dtype)[:, None]], axis=1)


def added_scores(log_prior: np.ndarray, *, alpha: float, temperature: float) -> np.ndarray:
    """tau alpha ln P(d), of its shape. Raises ValueError for a negative alpha or a temperature that is not above 0."""
    if alpha < 0 or temperature <= 0:
        raise ValueError(f"alpha is {alpha} and temperature {temperature}: at least 0, and above 0.")
    return temperature * alpha * log_prior


def _medians(groups: np.ndarray, values: np.ndarray, num_groups: int) -> np.ndarray:
    """(num_groups,) float64, the median value of each group; NaN for a group without values."""
    order = np.lexsort((values, groups))
    in_order = values[order]
    sizes = np.bincount(groups, minlength=num_groups)
    starts = np.cumsum(sizes) - sizes
    medians = np.full(num_groups, np.nan)
    some = sizes > 0
    lower = in_order[(starts + (sizes - 1) // 2)[some]]
    upper = in_order[(starts + sizes // 2)[some]]
    medians[some] = (lower + upper) / 2
    return medians


def _check(counts: np.ndarray, topic_offsets: np.ndarray, topic_idx: np.ndarray) -> None:
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueError("counts must be finite and not negative.")
    if topic_offsets.shape != (len(counts) + 1,) or topic_offsets[0] != 0 or topic_offsets[-1] != len(topic_idx):
        raise ValueError(
            f"topic_offsets has the shape {topic_offsets.shape} for {len(counts)} items and {len(topic_idx)} topics: "
            "it must hold num_items + 1 numbers, from 0 to the length of topic_idx."
        )
