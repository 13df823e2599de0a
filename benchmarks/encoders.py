"""What self-attention adds to the means over a history, and what a query vector loses while it waits.

The towers always pool a history into learned weighted means; `Encoder.ATTENTION` puts causal self-attention beside
them. So the two that are compared are the means alone, and the means with attention.

Protocol B of `benchmarks.retrieval_protocols`. A vector computed some hours ago knows nothing of those hours, neither
what was chosen in them nor what time it is now; what was seen meanwhile is still not proposed.
Finished trainings are kept (`--resume`), so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.report import Report, progress
from benchmarks.retrieval_options import add_data, add_store, dataset_of
from benchmarks.retrieval_ours import CONFIG, TwoTower, trained
from benchmarks.retrieval_protocols import Queries, RowLists, Scorer, Split, splits
from benchmarks.retrieval_ratings import DataError, Ratings
from benchmarks.retrieval_results import Result, evaluate
from benchmarks.retrieval_store import Store
from retrieval.config import Encoder, TwoTowerConfig
from retrieval.metrics import Interval, paired_bootstrap, seed_spread

PROTOCOL = "B"
HOURS = (0, 1, 6, 24)
METRICS = ("ndcg@10", "recall@100")
NAMES = {Encoder.MEAN: "means alone", Encoder.ATTENTION: "means and attention"}
ATTENTION_LENGTH = 30
_SMALL_EPOCHS = 2
_HEADER = (
    "encoder, age of its vector",
    *METRICS,
    "lost of ndcg@10",
    "lost an hour since the age above",
    "seed spread",
)


@dataclass(frozen=True, eq=False)
class Fitted:
    """One encoder. results: one a seed, with an outcome for each of `HOURS`."""

    encoder: Encoder
    results: list[Result]

    def values(self, hours: int, metric: str) -> np.ndarray:
        """(seeds, readers)."""
        place = HOURS.index(hours)
        return np.stack([result.outcomes[place].by_reader[metric] for result in self.results])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("--seeds", type=int, nargs="+", help="training seeds (default 0 1, small 0)")
    add_store(parser, "encoders")


def run(arguments: argparse.Namespace) -> Report:
    try:
        dataset = dataset_of(arguments.data, small=arguments.small, num_readers=300)
        split = splits(dataset, PROTOCOL)[0]
    except DataError as wrong:
        print(wrong, file=sys.stderr)
        raise SystemExit(2) from wrong
    seeds = arguments.seeds or ([0] if arguments.small else [0, 1])
    epochs = _SMALL_EPOCHS if arguments.small else CONFIG.training.epochs
    store = Store(arguments.resume, f"{dataset.fingerprint} {_code()}")
    if arguments.fresh:
        store.forget()
    progress(f"{dataset.name}: {len(Encoder) * len(seeds)} trainings; results are kept in {store.folder}")
    return report(dataset, seeds, *(_fitted(dataset, split, store, encoder, seeds, epochs) for encoder in Encoder))


def _fitted(  # noqa: PLR0917 - what a training is made of, and where it is kept
    dataset: Ratings, split: Split, store: Store, encoder: Encoder, seeds: Sequence[int], epochs: int
) -> Fitted:
    config = replace(
        CONFIG,
        towers=replace(CONFIG.towers, encoder=encoder, attention_length=ATTENTION_LENGTH),
        training=replace(CONFIG.training, epochs=epochs),
    )
    key = f"encoders-{hashlib.sha256(repr(config).encode()).hexdigest()[:16]}"
    results = []
    for seed in seeds:
        result = store.result(PROTOCOL, key, seed, ours=True)
        if result is None:
            progress(f"{NAMES[encoder]}, seed {seed}: training")
            result = _trained(dataset, split, config, seed, key)
            store.keep(result, ours=True)
        results.append(result)
    return Fitted(encoder, results)


def _trained(dataset: Ratings, split: Split, config: TwoTowerConfig, seed: int, key: str) -> Result:
    begun = time.perf_counter()
    scorer = TwoTower(dataset, trained(dataset, split, seed, config))
    fitted = time.perf_counter()
    outcomes = tuple(evaluate(dataset, split, Waited(dataset, scorer, hours)) for hours in HOURS)
    return Result(PROTOCOL, key, seed, {}, fitted - begun, time.perf_counter() - fitted, outcomes)


def _code() -> str:
    """A digest of how a training is asked; what it is told is in its own key."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]


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


def lost_an_hour(by_age: Mapping[int, np.ndarray]) -> np.ndarray:
    """The slope of a least-squares line through all ages, turned round: what an hour of age costs on average.

    by_age: hours -> values of any one shape, which the result has too.
    """
    hours = np.array(list(by_age), np.float64)
    away = hours - hours.mean()
    return -np.tensordot(away, np.stack(list(by_age.values())), axes=1) / (away**2).sum()


def report(dataset: Ratings, seeds: Sequence[int], mean: Fitted, attention: Fitted) -> Report:
    table: list[Sequence[str]] = [_HEADER]
    results: dict[str, object] = {"data": dataset.name, "protocol": PROTOCOL, "attention_length": ATTENTION_LENGTH}
    for one in (mean, attention):
        ages, lines = _by_age(one)
        slope = _interval(lost_an_hour({hours: one.values(hours, "ndcg@10") for hours in HOURS}))
        lines.append((f"{NAMES[one.encoder]}, an hour of age (slope)", "", "", "", _text(slope, 5), ""))
        table += lines
        results[NAMES[one.encoder]] = {
            "fit_s": [round(result.fit_s, 1) for result in one.results],
            "by_age": ages,
            "ndcg@10_lost_an_hour": _told(slope, 6),
        }
    gained = _interval(attention.values(0, "ndcg@10"), mean.values(0, "ndcg@10"))
    results["what_attention_adds_ndcg@10"] = _told(gained)
    table.append(("means and attention less means alone, 0 h", _text(gained), "", "", "", ""))
    return Report("encoders", list(seeds), results, [], table)


def _by_age(one: Fitted) -> tuple[dict[str, dict[str, object]], list[Sequence[str]]]:
    ages: dict[str, dict[str, object]] = {}
    lines: list[Sequence[str]] = []
    before = 0
    for hours in HOURS:
        values = one.values(hours, "ndcg@10")
        figures = {metric: round(float(np.nanmean(one.values(hours, metric))), 4) for metric in METRICS}
        spread = seed_spread(values)
        lost = _interval(one.values(0, "ndcg@10"), values)
        hourly = _interval((one.values(before, "ndcg@10") - values) / max(hours - before, 1))
        ages[f"{hours}h"] = {
            **figures,
            "ndcg@10_lost": _told(lost),
            "ndcg@10_lost_an_hour_since_the_age_above": _told(hourly, 6),
            "seed_spread": None if np.isnan(spread) else round(spread, 5),
        }
        losses = ("", "") if hours == 0 else (_text(lost), _text(hourly, 5))
        cells = [f"{figures[metric]:.4f}" for metric in METRICS]
        lines.append((f"{NAMES[one.encoder]}, {hours} h", *cells, *losses, "" if np.isnan(spread) else f"{spread:.4f}"))
        before = hours
    return ages, lines


def _interval(ours: np.ndarray, theirs: np.ndarray | None = None) -> Interval:
    """Of the one less the other, or less nothing. Both (seeds, readers)."""
    return paired_bootstrap(ours, 0 * ours if theirs is None else theirs, seed=0)


def _told(interval: Interval, digits: int = 5) -> dict[str, float]:
    return {name: round(getattr(interval, name), digits) for name in ("mean", "low", "high")}


def _text(interval: Interval, digits: int = 4) -> str:
    return f"{interval.mean:+.{digits}f} ({interval.low:+.{digits}f} to {interval.high:+.{digits}f})"
