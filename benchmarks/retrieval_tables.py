"""Results as a table to read and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from typing import Any, Literal

import numpy as np

from benchmarks.report import Goal
from benchmarks.retrieval_results import Outcome, Result
from benchmarks.retrieval_runs import Measured
from benchmarks.retrieval_store import json_numbers
from retrieval.metrics import Interval, paired_bootstrap, seed_spread

PUBLISHED = {"A": {"SASRec, published (RecTools 0.19.0)": {"recall@10": 0.165, "ndcg@10": 0.086, "recall@100": 0.608}}}
"""For ML-100K, read off and not run here: softmax loss, 40 epochs, measured by others on another machine."""

_METRICS = ("recall@10", "ndcg@10", "mrr@10", "recall@100", "recall@300", "liked recall@10", "liked ndcg@10")
_LISTS = ("coverage", "novelty_bits", "popularity_bias", "overlap")
_HEADER = (
    "asked",
    "model",
    "R@10",
    "NDCG@10",
    "MRR@10",
    "R@100",
    "R@300",
    "R@10 of 4-5",
    "NDCG@10 of 4-5",
    "coverage",
    "novelty bits",
    "pop. bias",
    "overlap",
    "seeds +-",
    "fit s",
    "fit CPU s",
)
_BOOTSTRAP_SEED = 5


@dataclass(frozen=True, eq=False)
class Standing:
    """One model on one split, over its seeds."""

    split: str
    model: str
    results: tuple[Result, ...]
    outcomes: tuple[Outcome, ...]

    def by_reader(self, metric: str) -> np.ndarray:
        """(seeds, readers)."""
        return np.stack([outcome.by_reader[metric] for outcome in self.outcomes])

    def mean(self, metric: str) -> float:
        """Over seeds, then readers; NaN where it was not measured, or nobody had a positive."""
        if metric not in self.outcomes[0].by_reader:
            return float("nan")
        values = self.by_reader(metric).mean(axis=0)
        return float(values[~np.isnan(values)].mean()) if (~np.isnan(values)).any() else float("nan")

    def of_lists(self, metric: str) -> float:
        return float(np.mean([outcome.lists[metric] for outcome in self.outcomes]))

    @property
    def fit_s(self) -> float:
        return float(np.mean([result.fit_s for result in self.results]))

    @property
    def fit_cpu_s(self) -> float:
        """Of all processors together; NaN where nobody counted."""
        return float(np.mean([np.nan if one.fit_cpu_s is None else one.fit_cpu_s for one in self.results]))

    @property
    def spread(self) -> float:
        return seed_spread(self.by_reader("ndcg@10"))


def standings(measured: Measured) -> list[Standing]:
    """By protocol and what it asks, models in the order in which they were fitted; nothing for what asked nobody."""
    grouped: dict[tuple[str, str], dict[str, list[tuple[Result, Outcome]]]] = {}
    for result in measured.results:
        for outcome in result.outcomes:
            if outcome.by_reader:
                models = grouped.setdefault((result.protocol, outcome.split), {})
                models.setdefault(result.model, []).append((result, outcome))
    return [
        Standing(split, model, tuple(one for one, _ in found), tuple(one for _, one in found))
        for (_, split), models in grouped.items()
        for model, found in models.items()
    ]


def minus(ours: Standing, other: Standing) -> Interval:
    """NDCG@10 of ours minus the other's, over the same readers."""
    return paired_bootstrap(ours.by_reader("ndcg@10"), other.by_reader("ndcg@10"), seed=_BOOTSTRAP_SEED)


def above(ours: Standing, other: Standing, *, name: str = "", end: Literal["low", "high"] = "low") -> Goal:
    """That one end of the interval of ours minus the other, NDCG@10, is above 0.  name: of the other in the report."""
    value = getattr(minus(ours, other), end)
    said = f"{ours.split}: ndcg@10 of the {ours.model} minus {name or other.model}'s, {end} end of the interval"
    return Goal(said, round(value, 4), "above 0", value > 0)


def table(found: Sequence[Standing], ours: str, *, published: bool) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [(*_HEADER, f"{ours} minus it, NDCG@10")]
    for split, standing, difference in _beside(found, ours):
        metrics = [_number(standing.mean(name)) for name in _METRICS]
        lists = [_number(standing.of_lists(name), 3) for name in _LISTS]
        fitted = [_number(standing.spread), f"{standing.fit_s:.1f}", _number(standing.fit_cpu_s, 1)]
        rows.append((split, standing.model, *metrics, *lists, *fitted, _interval(difference)))
        if published and standing is [one for one in found if one.split == split][-1]:
            rows += [_published_row(split, model) for model in PUBLISHED.get(split, {})]
    return rows


def values(found: Sequence[Standing], ours: str) -> dict[str, Any]:
    """split -> model -> everything of it."""
    told: dict[str, Any] = {}
    for split, standing, difference in _beside(found, ours):
        metrics = {name.replace(" ", "_"): standing.mean(name) for name in _METRICS}
        metrics |= {name: standing.of_lists(name) for name in _LISTS}
        metrics |= {"seed_spread_ndcg@10": standing.spread, "fit_s": standing.fit_s, "fit_cpu_s": standing.fit_cpu_s}
        told.setdefault(split, {})[standing.model] = {
            **{name: None if isnan(value) else round(value, 5) for name, value in metrics.items()},
            "seeds": [result.seed for result in standing.results],
            "readers": len(standing.outcomes[0].reader_ids),
            "settings": dict(standing.results[0].settings),
            "ours_minus_it_ndcg@10": None if difference is None else json_numbers(asdict(difference)),
        }
    return told


def _beside(found: Sequence[Standing], ours: str) -> Iterator[tuple[str, Standing, Interval | None]]:
    """Each standing with how much better ours is on the same split; None for ours."""
    own = {standing.split: standing for standing in found if standing.model == ours}
    for standing in found:
        against = own.get(standing.split)
        yield standing.split, standing, None if against in {None, standing} else minus(against, standing)


def _published_row(split: str, model: str) -> tuple[str, ...]:
    known = PUBLISHED[split][model]
    told = [_number(known.get(name, float("nan"))) for name in _METRICS]
    return (split, model, *told, *["-"] * (len(_HEADER) + 1 - 2 - len(told)))


def _number(value: float, digits: int = 4) -> str:
    return "-" if isnan(value) else f"{value:.{digits}f}"


def _interval(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
