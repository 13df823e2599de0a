"""What a row can be held against, and what of it is tuned: the rows of the `negatives` benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from retrieval.config import Negatives, PositiveCorrection, TowerConfig, TrainingConfig, TwoTowerConfig
from retrieval.log_q import RATE

SIZES = (16, 64, 512)
"""Columns beside the positive."""

BASE = TwoTowerConfig(
    TowerConfig(dim=32, hidden=64, history_length=30, id_dropout=0.05),
    TrainingConfig(batch_size=528, half_life_days=None, most_per_reader=25, refresh_interval_h=28 * 24, out_only=False),
)
"""Small towers, and at most 25 rows of a reader an epoch, so that hundreds of trainings fit into an hour. 528 rows are
cut into blocks of 17, 65 and 513 (and of 9, 33 and 257: half of the columns), which come out at most 3% larger, so that
a step has as many rows for every choice and size. The last batch of an interval is smaller: there a row may find fewer
than 512 others."""

_GRAMIAN_RATE = 0.1
_HALF_LIFE_DAYS, _MOST_PER_READER = 30.0, 50
"""The defaults of `TrainingConfig`. Positives of the other rows lose no weight with age, a reader gives at most 25."""
_HARD_WINDOW = 100


@dataclass(frozen=True)
class Range:
    """Where a setting is looked for, evenly, or evenly in its logarithm."""

    low: float
    high: float
    log: bool = False

    def at(self, share: float) -> float:
        """share: within [0, 1]."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + (self.high - self.low) * share


_PENALTY = Range(0.5, 20.0, log=True)
LEARNING_RATE, TEMPERATURE = Range(3e-3, 2e-2, log=True), Range(0.05, 0.3, log=True)


@dataclass(frozen=True)
class Draw:
    """One trial of the search, as shares of the ranges: the same for every choice, so that luck is shared too."""

    learning_rate: float
    temperature: float
    knob: float


def draws(number: int, *, seed: int) -> list[Draw]:
    """Random, each setting once in each of `number` equal parts of its range."""
    rng = np.random.default_rng(seed)
    columns = [(rng.permutation(number) + rng.random(number)) / number for _ in range(3)]
    return [Draw(*map(float, row)) for row in zip(*columns, strict=True)]


@dataclass(frozen=True)
class Choice:
    """training: (columns, value of the knob) -> fields of `TrainingConfig`.
    knob, knob_range: the choice's own setting, None for none.
    prior: whether the knob is not of the training but alpha of the popularity prior at serving.
    dislikes: whether rows carry what their reader had rated 1 or 2.
    sized: whether the number of columns is a choice.
    tempered: whether the loss has a temperature.
    """

    name: str
    training: Callable[[int, float], dict[str, Any]]
    knob: str | None = None
    knob_range: Range | None = None
    prior: bool = False
    dislikes: bool = False
    sized: bool = True
    tempered: bool = True

    def knob_at(self, draw: Draw) -> float | None:
        return None if self.knob_range is None else self.knob_range.at(draw.knob)

    def config(self, columns: int, draw: Draw, *, epochs: int, seed: int) -> TwoTowerConfig:
        fields = self.training(columns, self.knob_at(draw) or 0.0)
        if self.tempered:
            fields["temperature"] = TEMPERATURE.at(draw.temperature)
        training = replace(
            BASE.training, learning_rate=LEARNING_RATE.at(draw.learning_rate), epochs=epochs, seed=seed, **fields
        )
        return replace(BASE, training=training)


def _in_batch(columns: int, **fields: Any) -> dict[str, Any]:
    return {"negatives": Negatives.SAMPLED, "in_batch_negatives": columns, "uniform_negatives": 0, **fields}


def _mixed(columns: int, **fields: Any) -> dict[str, Any]:
    """Half of the batch, half drawn uniformly."""
    return _in_batch(columns // 2, **{"uniform_negatives": columns - columns // 2, **fields})


def _hard(columns: int, share: float) -> dict[str, Any]:
    """A share of the columns mined, the rest mixed."""
    mined = max(1, round(share * columns))
    return _mixed(columns - mined, hard_negatives=mined, hard_window=max(_HARD_WINDOW, 2 * mined))


def _gramian(columns: int, penalty: float, **fields: Any) -> dict[str, Any]:
    """Drawn uniformly, as iALS presses all items alike."""
    return {
        "negatives": Negatives.GRAMIAN,
        "in_batch_negatives": 0,
        "uniform_negatives": columns,
        "gramian_weight": penalty,
        **fields,
    }


REFERENCE = Choice("in-batch, logQ counted", lambda n, _: _in_batch(n))
PRIOR = Choice(
    "in-batch, prior at serving",
    lambda n, _: _in_batch(n, log_q_strength=0.0),
    knob="alpha",
    knob_range=Range(0.0, 1.5),
    prior=True,
)
STRENGTH = Choice(
    "in-batch, logQ of tuned strength",
    lambda n, beta: _in_batch(n, log_q_strength=beta),
    knob="beta",
    knob_range=Range(0.0, 1.5),
)
CHOICES: Sequence[Choice] = (
    Choice("in-batch, uncorrected", lambda n, _: _in_batch(n, log_q_strength=0.0)),
    REFERENCE,
    Choice(
        "in-batch, logQ but for the positive", lambda n, _: _in_batch(n, positive_correction=PositiveCorrection.NONE)
    ),
    Choice(
        "in-batch, logQ, positive with its copies",
        lambda n, _: _in_batch(n, positive_correction=PositiveCorrection.OWN),
    ),
    Choice("in-batch, logQ streaming", lambda n, _: _in_batch(n, streaming_rate=RATE)),
    STRENGTH,
    PRIOR,
    Choice("mixed, logQ of the mixture", lambda n, _: _mixed(n)),
    Choice("mixed, hard negatives", _hard, knob="hard share", knob_range=Range(1 / 16, 1 / 4, log=True)),
    Choice(
        "in-batch, logQ, explicit dislikes",
        lambda n, weight: _in_batch(n, impression_weight=weight),
        knob="weight",
        knob_range=Range(0.03, 1.0, log=True),
        dislikes=True,
    ),
    Choice("in-batch, logQ, half-life of 30 days", lambda n, _: _in_batch(n, half_life_days=_HALF_LIFE_DAYS)),
    Choice("in-batch, logQ, 50 of a reader", lambda n, _: _in_batch(n, most_per_reader=_MOST_PER_READER)),
    Choice("Gramian", _gramian, knob="penalty", knob_range=_PENALTY, tempered=False),
    Choice(
        "Gramian, averaged",
        lambda n, penalty: _gramian(n, penalty, gramian_rate=_GRAMIAN_RATE),
        knob="penalty",
        knob_range=_PENALTY,
        tempered=False,
    ),
    Choice("full softmax", lambda n, _: {"negatives": Negatives.ALL}, sized=False),
)
