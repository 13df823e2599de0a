"""The funnel beside everything else, as a table to read and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import isnan
from typing import Any

from benchmarks.ranking_funnel import FUNNEL, FUSION, TYPE_1, TYPE_2
from benchmarks.ranking_sources import SOURCES
from benchmarks.retrieval_store import json_numbers
from benchmarks.retrieval_tables import Standing, minus
from retrieval.metrics import Interval

BEST_SOURCE = "the best single source"

_METRICS = ("ndcg@10", "recall@10", "recall@100")
_LOST = (TYPE_1, TYPE_2)
_HEADER = ("asked", "order", "NDCG@10", "R@10", "R@100", *_LOST, "seeds +-", "fit s", "funnel minus it, NDCG@10")


def by_model(found: Sequence[Standing], split: str) -> dict[str, Standing]:
    return {standing.model: standing for standing in found if standing.split == split}


def best_source(of_split: dict[str, Standing]) -> Standing:
    """Which of the sources did best here: a choice by hindsight, which makes it harder to beat."""
    return max((of_split[name] for name in SOURCES), key=lambda standing: standing.mean("ndcg@10"))


def relative_gain(of_split: dict[str, Standing], beside: str) -> float:
    """Of the funnel's NDCG@10, as a share of the other's; NaN where the other found nothing."""
    other = of_split[beside].mean("ndcg@10")
    return of_split[FUNNEL].mean("ndcg@10") / other - 1 if other > 0 else float("nan")


def table(found: Sequence[Standing]) -> list[Sequence[str]]:
    """The sources of the funnel are set in; whose score is the best of them is marked."""
    rows: list[Sequence[str]] = [_HEADER]
    for split in dict.fromkeys(standing.split for standing in found):
        of_split = by_model(found, split)
        best = best_source(of_split).model
        for model, standing in of_split.items():
            told = [_number(standing.mean(name)) for name in (*_METRICS, *_LOST)]
            fitted = [_number(standing.spread), f"{standing.fit_s:.1f}"]
            name = f"source: {model}{' (best)' if model == best else ''}" if model in SOURCES else model
            rows.append((split, name, *told, *fitted, _interval(_beside(of_split, model))))
    return rows


def values(found: Sequence[Standing]) -> dict[str, Any]:
    """split -> order -> everything of it, and what the goals are about."""
    told: dict[str, Any] = {}
    for split in dict.fromkeys(standing.split for standing in found):
        of_split = by_model(found, split)
        told[split] = {
            "orders": {model: _values(of_split, standing) for model, standing in of_split.items()},
            "best_single_source": best_source(of_split).model,
            "relative_gain_over_fusion": _rounded(relative_gain(of_split, FUSION)),
            "relative_gain_over_best_single_source": _rounded(relative_gain(of_split, best_source(of_split).model)),
        }
    return told


def _values(of_split: dict[str, Standing], standing: Standing) -> dict[str, Any]:
    metrics = {name.replace(" ", "_"): _rounded(standing.mean(name)) for name in (*_METRICS, *_LOST)}
    difference = _beside(of_split, standing.model)
    return {
        **metrics,
        "seed_spread_ndcg@10": _rounded(standing.spread),
        "fit_s": round(standing.fit_s, 2),
        "seeds": [result.seed for result in standing.results],
        "readers": len(standing.outcomes[0].reader_ids),
        "settings": dict(standing.results[0].settings),
        "funnel_minus_it_ndcg@10": None if difference is None else json_numbers(asdict(difference)),
    }


def _beside(of_split: dict[str, Standing], model: str) -> Interval | None:
    return None if model == FUNNEL else minus(of_split[FUNNEL], of_split[model])


def _rounded(value: float) -> float | None:
    return None if isnan(value) else round(value, 5)


def _number(value: float, digits: int = 4) -> str:
    return "-" if isnan(value) else f"{value:.{digits}f}"


def _interval(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
