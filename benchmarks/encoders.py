"""Two ways to read a history, and what a query vector loses while it waits.

Protocol B of `benchmarks.retrieval_protocols`. A vector computed some hours ago knows nothing of those hours, neither
what was chosen in them nor what time it is now; what was seen meanwhile is still not proposed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.report import Report, progress
from benchmarks.retrieval_options import add_data, dataset_of
from benchmarks.retrieval_ours import CONFIG, TwoTower, trained
from benchmarks.retrieval_protocols import Queries, RowLists, Scorer, Split, splits
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_results import Outcome, evaluate
from retrieval.config import Encoder
from retrieval.metrics import Interval, paired_bootstrap, seed_spread

HOURS = (0, 1, 6, 24)
METRICS = ("ndcg@10", "recall@100")
ATTENTION_LENGTH = 30
_SMALL_EPOCHS = 2


@dataclass(frozen=True, eq=False)
class Fitted:
    """One encoder with every seed. outcomes: by hours of age, one a seed."""

    encoder: Encoder
    fit_s: list[float]
    outcomes: dict[int, list[Outcome]]

    def values(self, hours: int, metric: str) -> np.ndarray:
        """(seeds, readers)."""
        return np.stack([outcome.by_reader[metric] for outcome in self.outcomes[hours]])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("--seeds", type=int, nargs="+", help="training seeds (default 0 1, small 0)")


def run(arguments: argparse.Namespace) -> Report:
    dataset = dataset_of(arguments.data, small=arguments.small, num_readers=300)
    seeds = arguments.seeds or ([0] if arguments.small else [0, 1])
    epochs = _SMALL_EPOCHS if arguments.small else CONFIG.training.epochs
    split = splits(dataset, "B")[0]
    fitted = [_fit(dataset, split, encoder, seeds, epochs) for encoder in Encoder]
    return _report(dataset, seeds, *fitted)


def _fit(dataset: Ratings, split: Split, encoder: Encoder, seeds: Sequence[int], epochs: int) -> Fitted:
    config = replace(
        CONFIG,
        towers=replace(CONFIG.towers, encoder=encoder, attention_length=ATTENTION_LENGTH),
        training=replace(CONFIG.training, epochs=epochs),
    )
    fit_s = []
    outcomes: dict[int, list[Outcome]] = {hours: [] for hours in HOURS}
    for seed in seeds:
        progress(f"{encoder}, seed {seed}: training")
        begun = time.perf_counter()
        scorer = TwoTower(dataset, trained(dataset, split, seed, config))
        fit_s.append(time.perf_counter() - begun)
        for hours in HOURS:
            outcomes[hours].append(evaluate(dataset, split, Waited(dataset, scorer, hours)))
    return Fitted(encoder, fit_s, outcomes)


@dataclass(frozen=True, eq=False)
class Waited:
    """A scorer asked with what was known some hours before."""

    dataset: Ratings
    scorer: Scorer
    hours: int

    def scores(self, queries: Queries) -> np.ndarray:
        """(q, num_items) float32."""
        return self.scorer.scores(earlier(self.dataset, queries, self.hours))


def earlier(dataset: Ratings, queries: Queries, hours: int) -> Queries:
    """The same readers some hours before: with the events that had happened by then."""
    if not hours:
        return queries
    at_s = queries.at_s - 3600 * hours
    times_s = dataset.interactions.times_s
    known = [
        start + int(np.searchsorted(times_s[queries.history.rows[start:stop]], moment, side="right"))
        for start, stop, moment in zip(queries.history.starts, queries.history.stops, at_s, strict=True)
    ]
    history = RowLists(queries.history.rows, queries.history.starts, np.array(known, np.int64))
    return replace(queries, at_s=at_s, history=history)


def _report(dataset: Ratings, seeds: list[int], mean: Fitted, attention: Fitted) -> Report:
    table: list[Sequence[str]] = [("encoder, age of its vector", *METRICS, "lost of ndcg@10", "seed spread")]
    results: dict[str, object] = {"data": dataset.name, "protocol": "B", "attention_length": ATTENTION_LENGTH}
    for one in (mean, attention):
        ages: dict[str, dict[str, object]] = {}
        for hours in HOURS:
            figures = {metric: round(float(np.nanmean(one.values(hours, metric))), 4) for metric in METRICS}
            spread = seed_spread(one.values(hours, "ndcg@10"))
            lost = paired_bootstrap(one.values(0, "ndcg@10"), one.values(hours, "ndcg@10"), seed=0)
            ages[f"{hours}h"] = {**figures, "ndcg@10_lost": _told(lost), "seed_spread": _number(spread)}
            told = "" if hours == 0 else _text(lost)
            cells = [f"{figures[metric]:.4f}" for metric in METRICS]
            table.append((f"{one.encoder}, {hours} h", *cells, told, "" if np.isnan(spread) else f"{spread:.4f}"))
        results[str(one.encoder)] = {"fit_s": [round(seconds, 1) for seconds in one.fit_s], "by_age": ages}
    gained = paired_bootstrap(attention.values(0, "ndcg@10"), mean.values(0, "ndcg@10"), seed=0)
    results["attention_minus_mean_ndcg@10"] = _told(gained)
    table.append(("attention less mean", _text(gained), "", "", ""))
    return Report("encoders", seeds, results, [], table)


def _told(interval: Interval) -> dict[str, float]:
    return {name: round(getattr(interval, name), 5) for name in ("mean", "low", "high")}


def _text(interval: Interval) -> str:
    return f"{interval.mean:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 5)
