"""python -m benchmarks.measured_training ROWS ITEMS STEPS COMPARED: so many steps of a training, in its own process.

COMPARED is 1 to run a bare torch loop between our steps. Its last line says what it took.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it

from benchmarks.measured_import import peak_rss_mb
from benchmarks.training_world import TrainingWorld
from retrieval.candidate_features import COUNTS, candidate_features
from retrieval.config import Negatives, TowerConfig, TrainingConfig, TwoTowerConfig
from retrieval.content import ItemContent
from retrieval.features import encode_table
from retrieval.towers import CandidateTower, QueryTower
from retrieval.train import optimisers_of, train_retriever
from retrieval.training_errors import TrainingStopped

CONFIG = TwoTowerConfig(
    TowerConfig(history_length=20),
    TrainingConfig(negatives=Negatives.SAMPLED, half_life_days=None, most_per_reader=1_000, epochs=1),
)
STEPS_A_ROUND = 10
DAYS = 30
SEED = 1


class BareLoop:
    """The same layers, batch and optimisers on batches that lie ready in memory: what torch alone costs."""

    def __init__(self, world: TrainingWorld) -> None:
        num_items = world.num_items
        sparse = num_items > CONFIG.training.sparse_tables_above
        self.query = QueryTower(num_items, CONFIG.towers, sparse=sparse)
        self.candidate = CandidateTower(num_items, CONFIG.towers, sparse=sparse)
        modules = torch.nn.ModuleDict({"query": self.query, "candidate": self.candidate})
        self.optimisers = optimisers_of(modules, CONFIG)
        self.batches = _batches(world)

    def run(self) -> None:
        labels = torch.arange(CONFIG.training.batch_size)
        for states, items in self.batches:
            logits = self.query(**states) @ self.candidate(**items).T / CONFIG.training.temperature
            loss = F.cross_entropy(logits, labels)
            for optimiser in self.optimisers:
                optimiser.zero_grad()
            loss.backward()
            for optimiser in self.optimisers:
                optimiser.step()


@dataclass
class Steps:
    """Asked before each of our steps: counts and times them in rounds, with a round of the bare loop between two."""

    wanted: int
    bare: BareLoop | None
    done: int = 0
    ours_s: list[float] = field(default_factory=list)
    bare_s: list[float] = field(default_factory=list)
    _begun: float = 0.0

    def __call__(self) -> bool:
        if self.done and self.done % STEPS_A_ROUND == 0:
            self.ours_s.append(time.perf_counter() - self._begun)
            if self.bare is not None:
                begun = time.perf_counter()
                self.bare.run()
                self.bare_s.append(time.perf_counter() - begun)
        if self.done % STEPS_A_ROUND == 0:
            self._begun = time.perf_counter()
        self.done += 1
        return self.done > self.wanted


def main() -> None:
    rows, num_items, steps, compared = map(int, sys.argv[1:])
    world = TrainingWorld(rows, num_items, DAYS, SEED)
    counting = Steps(steps, BareLoop(world) if compared else None)
    begun = time.perf_counter()
    try:
        train_retriever(world.tables(), world.items(), CONFIG, until=world.until, should_stop=counting)
    except TrainingStopped:
        pass
    else:
        raise SystemExit(f"{rows} rows give {counting.done} steps; {steps} were asked for.")
    told = {
        "rows": rows,
        "seconds": time.perf_counter() - begun,
        "examples_a_round": STEPS_A_ROUND * CONFIG.training.batch_size,
        "ours_s": counting.ours_s[1:],  # the first round warms up
        "bare_s": counting.bare_s[1:],
        "peak_rss_mb": peak_rss_mb(),
    }
    print(json.dumps(told))


def _batches(world: TrainingWorld) -> list[tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]]:
    """What one round sees: states, and the items of its rows with uniform ones, as tensors."""
    content = ItemContent.from_table(world.items(), CONFIG.towers)
    batch, uniform = CONFIG.training.batch_size, CONFIG.training.uniform_negatives
    rows = next(iter(world.tables()))
    counts = np.zeros((len(content), COUNTS), np.float32)
    rng = np.random.default_rng(SEED)
    made = []
    for start in range(0, batch * STEPS_A_ROUND, batch):
        table = rows.slice(start, batch)
        columns = np.concatenate([table["item_id"].to_numpy(), rng.integers(len(content), size=uniform)])
        items = candidate_features(content, counts, world.until.timestamp(), columns)
        made.append((_tensors(encode_table(table, content, CONFIG.towers).arrays()), _tensors(items.arrays())))
    return made


def _tensors(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return {name: tensor if tensor.is_floating_point() else tensor.long() for name, tensor in tensors.items()}


if __name__ == "__main__":
    main()
