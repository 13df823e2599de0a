"""What an epoch of each row of the `negatives` benchmark costs: the budget of equal time.

Seconds of trainings that ran hours apart tell more of who else used the machine than of the loss. So all rows train
an epoch each, one right after the other, in some rounds of different order. Within a round everybody was slowed alike:
what counts is a row's share of its round, and of its shares the median.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.negatives_training import PROTOCOL, Cell, positives
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_results import Result
from retrieval.train import EpochDone, train_towers

ROUNDS = 6


@dataclass(frozen=True)
class Pace:
    """Processor seconds of an epoch.  first_s: of the first, before which nothing can be mined.  later_s: of others."""

    first_s: float
    later_s: float

    def seconds(self, epochs: int) -> float:
        return self.first_s + (epochs - 1) * self.later_s

    def epochs(self, seconds: float) -> int:
        """The whole number whose seconds come nearest to these; at least 1."""
        return max(1, round(1 + (seconds - self.first_s) / self.later_s))


def clocked(cell: Cell) -> Cell:
    """The same training, only as long as its epochs cost differently: the first, and one that mines."""
    epochs = 2 if cell.config.training.hard_negatives else 1
    return replace(cell, config=replace(cell.config, training=replace(cell.config.training, epochs=epochs)))


def key(cells: Sequence[Cell]) -> str:
    """What the rounds of these cells are kept under: another row, or another way to measure, and all are measured."""
    about = repr([cell.key for cell in cells]).encode() + Path(__file__).read_bytes()
    return f"negatives-clock-{hashlib.sha256(about).hexdigest()[:16]}"


def one_round(dataset: Ratings, cells: Sequence[Cell], number: int) -> Result:
    """Every cell once. settings: under a cell's key the seconds of its first epoch, and under `_later` of it those of
    its last."""
    seconds: dict[str, float] = {}
    begun = time.perf_counter()
    for place in np.random.default_rng(number).permutation(len(cells)).tolist():
        of_epochs = _epochs_s(dataset, cells[place])
        seconds[cells[place].key], seconds[_later(cells[place].key)] = of_epochs[0], of_epochs[-1]
    return Result(PROTOCOL, key(cells), number, seconds, time.perf_counter() - begun, 0.0, ())


def paces(rounds: Sequence[Result], cells: Sequence[Cell]) -> dict[str, Pace]:
    """By a cell's key. In seconds of the median round."""
    names = [name for cell in cells for name in (cell.key, _later(cell.key))]
    seconds = np.array([[one.settings[name] for name in names] for one in rounds])
    means = seconds.mean(axis=1, keepdims=True)
    usual = dict(zip(names, np.median(seconds / means, axis=0) * np.median(means), strict=True))
    return {cell.key: Pace(*_of(usual, cell.key)) for cell in cells}


def _of(usual: Mapping[str, float], name: str) -> tuple[float, float]:
    return float(usual[name]), float(usual[_later(name)])


def _later(name: str) -> str:
    return f"{name} later"


def _epochs_s(dataset: Ratings, cell: Cell) -> list[float]:
    """Processor seconds of each epoch, on one thread: without reading and encoding, which are alike for all."""
    tables, until = positives(dataset, cell)
    at_s: list[float] = []

    def stepping() -> bool:
        if not at_s:
            at_s.append(time.process_time())
        return False

    def done(_: EpochDone) -> None:
        at_s.append(time.process_time())

    train_towers(tables, dataset.items, cell.config, until=until, on_epoch=done, should_stop=stepping)
    return np.diff(at_s).tolist()
