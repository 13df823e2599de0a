"""How good a funnel's lists are, beside what readers then chose: with baselines, by reader, so that two can be paired.

Every moment in which a reader chose something new is asked for, as of that moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ranking.order import Order, RetrievalOrder, best_first
from recsite.funnel.funnel import Ranked
from recsite.funnel.sources import FEATURE_SET
from recsite.training.asking import Asked, FunnelAt, ask, of_drawn_moments
from recsite.training.gate import Difference
from retrieval.ids import UNKNOWN, IdMap
from retrieval.interactions import Interactions
from retrieval.metrics import (
    NOTHING,
    ndcg_at_k,
    novelty,
    popularity_bias,
    reader_means,
    recall_at_k,
)

FUNNEL, FUSION, POPULARITY, TWO_TOWER = "funnel", "fusion", "popularity", "two_tower"
ORDERS = (FUNNEL, FUSION, POPULARITY, TWO_TOWER)
"""What lists are made by: the ranker; the fusion of all sources; the source of popular items; the towers alone."""

ALL, UNPROMPTED, FEED = "all", "unprompted", "feed"
CHOICES = (ALL, UNPROMPTED, FEED)
"""Whose recall is told: of everything chosen; of what the feed did not cause; of what was chosen in the feed."""

LIST_LENGTH, RETRIEVED = 10, 100

_RESAMPLED_AT_ONCE = 4_000_000


@dataclass(frozen=True, eq=False)
class Measured:
    """reader_ids: (r,) int64, rising.  ndcg_at_10: by `ORDERS`, (r,) float64, a reader's mean over her moments.
    recall_at_100: by `CHOICES`, (r,) float64, of the fusion of all sources, NaN for a reader without such choices.
    retrieved: (r,) float64, share of her choices that any source named.
    moments, positives, unprompted: how many were asked for; unprompted of the positives.
    popularity_bias, novelty: as in `retrieval.metrics`, of the funnel's lists.
    cold: share of the positives that nobody had chosen before the window.  cold_recall_at_100: of those; NaN for none.
    """

    reader_ids: np.ndarray
    ndcg_at_10: Mapping[str, np.ndarray]
    recall_at_100: Mapping[str, np.ndarray]
    retrieved: np.ndarray
    moments: int
    positives: int
    unprompted: int
    popularity_bias: float
    novelty: float
    cold: float
    cold_recall_at_100: float

    def as_json(self) -> dict[str, Any]:
        """Means over readers, and the rest; None for what there is none of."""
        means = {f"ndcg_at_10 {name}": _mean(values) for name, values in self.ndcg_at_10.items()}
        means |= {f"recall_at_100 {name}": _mean(values) for name, values in self.recall_at_100.items()}
        means["retrieved"] = _mean(self.retrieved)
        more = ("popularity_bias", "novelty", "cold", "cold_recall_at_100")
        return {
            "readers": len(self.reader_ids),
            **{name: getattr(self, name) for name in ("moments", "positives", "unprompted")},
            **{name: _number(value) for name, value in means.items()},
            **{name: _number(getattr(self, name)) for name in more},
        }


class NothingToMeasure(ValueError):
    """No positive of the window is a question: nobody chose anything new of what is still there."""


def measure(funnel_at: FunnelAt, positives: pa.Table, *, learned: Interactions, most: int, seed: int = 0) -> Measured:
    """Ask at every moment of `positives`, `examples.POSITIVES` of the gate window, and compare with what was chosen.

    learned: what happened before the window.  most: moments, about, drawn by `seed`: the same for every funnel that is
    asked about the same table. Raises `NothingToMeasure`.
    """
    answers = _Answers()
    for one, funnel, ranked in ask(funnel_at, of_drawn_moments(positives, most, seed=seed)):
        answers.add(one, _lists(ranked, funnel.ranker.order))
        answers.catalogue = funnel.catalogue.facts.item_ids
    if not answers.asked:
        raise NothingToMeasure(f"None of {len(positives)} positives is a choice of something new: nothing to ask for.")
    return answers.measured(learned)


def compare(ours: np.ndarray, theirs: np.ndarray, *, seed: int = 0, resamples: int = 2_000) -> Difference:
    """How much better `ours` is, as a share of the mean of `theirs`, with the 95% interval of a paired bootstrap.

    ours, theirs: (readers,), parallel; whoever is NaN in one of them does not count. Readers are drawn with replacement
    and the ratio of means is taken in each draw. In whichever order they come, the answer is the same. Infinite where
    the mean of theirs is 0 and ours is not.
    Raises ValueError for other shapes, or no reader who counts.
    """
    if ours.shape != theirs.shape or ours.ndim != 1:
        raise ValueError(f"Readers must be parallel, but there are {ours.shape} and {theirs.shape}.")
    counted = ~(np.isnan(ours) | np.isnan(theirs))
    ours, theirs = ours[counted], theirs[counted]
    if not len(ours):
        raise ValueError("No reader has values on both sides, so there is nothing to compare.")
    # Readers come by ids that are random, and another order would draw others.
    order = np.lexsort((theirs, ours))
    ours, theirs = ours[order], theirs[order]
    rng = np.random.default_rng(seed)
    at_once = max(1, _RESAMPLED_AT_ONCE // len(ours))
    drawn = []
    for done in range(0, resamples, at_once):
        rows = rng.integers(len(ours), size=(min(at_once, resamples - done), len(ours)))  # (resamples, readers)
        drawn.append(_relative(ours[rows].mean(axis=1), theirs[rows].mean(axis=1)))
    lower, upper = np.quantile(np.concatenate(drawn), [0.025, 0.975], method="inverted_cdf")
    mean = _relative(ours.mean(keepdims=True), theirs.mean(keepdims=True))
    return Difference(float(mean[0]), float(lower), float(upper))


def _relative(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    both_zero = (ours == 0) & (theirs == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(both_zero, 0.0, ours / theirs - 1)


def _lists(ranked: Ranked, order: Order) -> dict[str, np.ndarray]:
    """By order the item ids, best first, of those that it names; of fusion so many as recall looks at.

    order: the ranker's, whose scores the answer has already.
    """
    features, item_ids = ranked.features, ranked.union.item_ids
    if order.feature_set != FEATURE_SET:
        raise ValueError(f"The ranker reads {order.feature_set.id}, but measured are {FEATURE_SET.id}. Train it again.")
    lists = {FUNNEL: ranked.item_ids()[:LIST_LENGTH]}
    for name, source in ((FUSION, None), (POPULARITY, "popular"), (TWO_TOWER, TWO_TOWER)):
        scores = RetrievalOrder(FEATURE_SET, source).scores(features)
        rows = best_first(scores)
        lists[name] = item_ids[rows[scores[rows] > 0]][:RETRIEVED]
    lists["union"] = item_ids
    return lists


class _Answers:
    """What was asked, what was chosen, and what each order put first."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.lists: dict[str, list[np.ndarray]] = {name: [] for name in ORDERS}
        self.fused: list[np.ndarray] = []
        self.retrieved: list[float] = []
        self.catalogue = np.empty(0, np.int64)

    def add(self, one: Asked, lists: dict[str, np.ndarray]) -> None:
        self.asked.append(one)
        for name in ORDERS:
            self.lists[name].append(lists[name][:LIST_LENGTH])
        self.fused.append(lists[FUSION])
        self.retrieved.append(float(np.isin(one.targets, lists["union"]).mean()))

    def measured(self, learned: Interactions) -> Measured:
        readers = np.array([one.reader_id for one in self.asked])
        ids = IdMap(self.catalogue)
        targets = [ids.idx_of(one.targets) for one in self.asked]
        fused = _table(self.fused, ids, RETRIEVED)
        tables = {name: _table(lists, ids, LIST_LENGTH) for name, lists in self.lists.items()}
        counts = np.bincount(_known(ids.idx_of(learned.item_ids)), minlength=len(ids))
        unprompted = [one.unprompted for one in self.asked]
        reader_ids = np.unique(readers)
        cold = [counts[items] == 0 for items in targets]
        cold_recall = recall_at_k(fused, _only(targets, cold), RETRIEVED)
        return Measured(
            reader_ids=reader_ids,
            ndcg_at_10={
                name: reader_means(ndcg_at_k(table, targets, LIST_LENGTH), readers)[1] for name, table in tables.items()
            },
            recall_at_100={
                name: reader_means(recall_at_k(fused, some, RETRIEVED), readers)[1]
                for name, some in (
                    (ALL, targets),
                    (UNPROMPTED, _only(targets, unprompted)),
                    (FEED, _only(targets, [~one for one in unprompted])),
                )
            },
            retrieved=reader_means(np.array(self.retrieved), readers)[1],
            moments=len(self.asked),
            positives=sum(len(items) for items in targets),
            unprompted=int(sum(one.sum() for one in unprompted)),
            popularity_bias=popularity_bias(tables[FUNNEL], LIST_LENGTH, item_counts=counts),
            novelty=novelty(
                tables[FUNNEL],
                LIST_LENGTH,
                item_counts=counts,
                num_readers=max(int(counts.max()), len(np.unique(learned.reader_ids))),
            ),
            cold=float(np.concatenate(cold).mean()),
            cold_recall_at_100=_mean(cold_recall),
        )


def _table(lists: list[np.ndarray], ids: IdMap, length: int) -> np.ndarray:
    """(lists, length) int64 item_idx, `NOTHING` after the end of each."""
    table = np.full((len(lists), length), NOTHING, np.int64)
    for row, items in zip(table, lists, strict=True):
        row[: len(items)] = ids.idx_of(items)
    return table


def _known(item_idx: np.ndarray) -> np.ndarray:
    return item_idx[item_idx != UNKNOWN]


def _only(targets: list[np.ndarray], kept: list[np.ndarray]) -> list[np.ndarray]:
    return [items[mask] for items, mask in zip(targets, kept, strict=True)]


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
