"""What the trainings of the `negatives` benchmark say, as plain values: rows, and comparisons between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.negatives_choices import LEARNING_RATE, PRIOR, REFERENCE, STRENGTH, TEMPERATURE
from benchmarks.negatives_grid import Row
from benchmarks.negatives_statistics import Comparison, holm, paired
from benchmarks.retrieval_results import Result
from retrieval.metrics import seed_spread

METRICS = ("ndcg@10", "recall@100")
BUDGETS: dict[str, Callable[[Row], list[Result]]] = {
    "equal examples": lambda row: row.by_examples,
    "equal time": lambda row: row.by_time,
}


def described(row: Row) -> dict[str, Any]:
    """One row of the table, settings and all."""
    found: dict[str, Any] = {
        "choice": row.choice.name,
        "columns": row.columns,
        "settings": _settings(row),
        "validation_ndcg@10": [round(value, 5) for value in row.trials],
        "train_s": round(row.train_s, 2),
        "first_epoch_s": round(row.pace.first_s, 3),
        "later_epoch_s": round(row.pace.later_s, 3),
    }
    return found | {budget: _worth(results(row)) for budget, results in BUDGETS.items()}


def comparisons(rows: Sequence[Row]) -> list[Comparison]:
    """Each row with the reference of as many columns (the full softmax with that of the most), and the logQ of tuned
    strength with the prior at serving; on both metrics and under both budgets, all held against each other."""
    at = {(row.choice.name, row.columns): row for row in rows}
    most = max(columns for name, columns in at if name == REFERENCE.name)
    pairs = [(row, at[REFERENCE.name, row.columns or most]) for row in rows if row.choice.name != REFERENCE.name]
    pairs += [
        (row, at[PRIOR.name, row.columns])
        for row in rows
        if row.choice.name == STRENGTH.name and (PRIOR.name, row.columns) in at
    ]
    made = [
        _compared(ours, theirs, budget, metric) for ours, theirs in pairs for budget in BUDGETS for metric in METRICS
    ]
    adjusted = holm([one.p for one in made])
    return [replace(one, p_holm=p) for one, p in zip(made, adjusted, strict=True)]


def told(comparison: Comparison) -> dict[str, Any]:
    return {
        "name": comparison.name,
        "against": comparison.against,
        "columns": comparison.columns,
        "budget": comparison.budget,
        "metric": comparison.metric,
        **{name: round(getattr(comparison.interval, name), 5) for name in ("mean", "low", "high")},
        "p": float(f"{comparison.p:.3g}"),
        "p_holm": float(f"{comparison.p_holm:.3g}"),
        "verdict": comparison.verdict,
    }


def _compared(ours: Row, theirs: Row, budget: str, metric: str) -> Comparison:
    results = BUDGETS[budget]
    interval, p = paired(_values(results(ours), metric), _values(results(theirs), metric))
    return Comparison(ours.choice.name, theirs.choice.name, ours.columns, budget, metric, interval, p)


def _values(results: Sequence[Result], metric: str) -> np.ndarray:
    """(seeds, readers)."""
    return np.stack([result.outcomes[0].by_reader[metric] for result in results])


def _settings(row: Row) -> dict[str, float]:
    settings = {"learning_rate": LEARNING_RATE.at(row.draw.learning_rate)}
    if row.choice.tempered:
        settings["temperature"] = TEMPERATURE.at(row.draw.temperature)
    knob = row.choice.knob_at(row.draw)
    if row.choice.knob is not None and knob is not None:
        settings[row.choice.knob] = knob
    return {name: float(f"{value:.3g}") for name, value in settings.items()}


def _worth(results: Sequence[Result]) -> dict[str, Any]:
    names = results[0].outcomes[0].by_reader
    spread = seed_spread(_values(results, METRICS[0]))
    return {
        "epochs": int(results[0].settings["epochs"]),
        **{name: round(float(np.nanmean(_values(results, name))), 5) for name in names},
        "ndcg@10_seed_spread": None if np.isnan(spread) else round(spread, 5),
        **{name: _mean(results, name) for name in results[0].outcomes[0].lists},
    }


def _mean(results: Sequence[Result], name: str) -> float | None:
    value = float(np.mean([result.outcomes[0].lists[name] for result in results]))
    return None if np.isnan(value) else round(value, 4)
