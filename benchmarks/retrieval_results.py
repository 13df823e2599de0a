"""What a fitted model is found to be worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.retrieval_protocols import Queries, Scorer, Split
from benchmarks.retrieval_ratings import Ratings
from retrieval.metrics import (
    catalogue_coverage,
    mrr_at_k,
    ndcg_at_k,
    novelty,
    overlap,
    popularity_bias,
    ranked_items,
    reader_means,
    recall_at_k,
)

DEPTH = 300
LIST_LENGTH = 10
LIKED = 4.0
"""From this rating on a reader liked it (of 5)."""

_TIE_SEED = 11
_SCORES_AT_ONCE = 8_000_000


@dataclass(frozen=True, eq=False)
class Outcome:
    """One model on what one split asks.

    by_reader: metric -> (readers,) float64, a reader's mean over her queries, NaN where she has no positives. "liked"
    metrics know only ratings 4 and 5 as positives. lists: metric -> value, of each reader's last list of 10.
    """

    split: str
    reader_ids: np.ndarray
    by_reader: Mapping[str, np.ndarray]
    lists: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Result:
    """One training and all that it was asked. fit_s: by the clock on the wall, under whatever load.
    fit_cpu_s: of all processors together, None where nobody counted."""

    protocol: str
    model: str
    seed: int
    settings: Mapping[str, float]
    fit_s: float
    ask_s: float
    outcomes: tuple[Outcome, ...]
    fit_cpu_s: float | None = None


def evaluate(dataset: Ratings, split: Split, scorer: Scorer) -> Outcome:
    """Ask `scorer` in batches, so that no matrix of all readers x all items ever exists."""
    size = max(1, _SCORES_AT_ONCE // dataset.num_items)
    columns: list[dict[str, np.ndarray]] = []
    lists = []
    last = np.append(split.queries.reader_ids[1:] != split.queries.reader_ids[:-1], True)[: len(split.queries)]
    for number, asked in enumerate(split.queries.batches(size)):
        ranked = _ranked(dataset, split, scorer, asked)
        columns.append(_found(dataset, asked, ranked))
        lists.append(ranked[last[number * size :][: len(asked)], :LIST_LENGTH])
    reader_ids = np.unique(split.queries.reader_ids)
    by_reader = {
        name: reader_means(np.concatenate([column[name] for column in columns]), split.queries.reader_ids)[1]
        for name in (columns[0] if columns else ())
    }
    return Outcome(split.name, reader_ids, by_reader, _of_lists(dataset, split, np.concatenate(lists)) if lists else {})


def _ranked(dataset: Ratings, split: Split, scorer: Scorer, asked: Queries) -> np.ndarray:
    scores = scorer.scores(asked.unanswered())
    if scores.shape != (len(asked), dataset.num_items):
        raise ValueError(f"{len(asked)} queries x {dataset.num_items} items were asked, but scores are {scores.shape}.")
    if split.candidates is not None:
        scores = np.where(split.candidates, scores, -np.inf)
    return ranked_items(scores, [dataset.item_idx[rows] for rows in asked.history], DEPTH, seed=_TIE_SEED)


def _found(dataset: Ratings, asked: Queries, ranked: np.ndarray) -> dict[str, np.ndarray]:
    positives = [dataset.item_idx[rows] for rows in asked.targets]
    found = {
        "recall@10": recall_at_k(ranked, positives, 10),
        "ndcg@10": ndcg_at_k(ranked, positives, 10),
        "mrr@10": mrr_at_k(ranked, positives, 10),
        "recall@100": recall_at_k(ranked, positives, 100),
        "recall@300": recall_at_k(ranked, positives, 300),
    }
    if dataset.ratings is not None:
        liked = [dataset.item_idx[rows[dataset.ratings[rows] >= LIKED]] for rows in asked.targets]
        found |= {
            "liked recall@10": recall_at_k(ranked, liked, 10),
            "liked ndcg@10": ndcg_at_k(ranked, liked, 10),
        }
    return found


def _of_lists(dataset: Ratings, split: Split, lists: np.ndarray) -> dict[str, float]:
    counts = np.bincount(dataset.item_idx[split.train_rows], minlength=dataset.num_items)
    num_readers = len(np.unique(dataset.interactions.reader_ids[split.train_rows]))
    return {
        "coverage": catalogue_coverage(lists, LIST_LENGTH, num_items=dataset.num_items),
        "novelty_bits": novelty(lists, LIST_LENGTH, item_counts=counts, num_readers=num_readers),
        "popularity_bias": popularity_bias(lists, LIST_LENGTH, item_counts=counts),
        "overlap": overlap(lists, LIST_LENGTH),
    }
