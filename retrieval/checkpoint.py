"""How far a training has come: in memory, and as a file to go on from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn


@dataclass
class Progress:
    """epoch: how many are done.  best_*: of the epoch with the highest validation score, where there is one."""

    epoch: int = 0
    best_epoch: int = 0
    best_score: float = -1.0
    best_weights: dict[str, Any] | None = None

    def advance(self, score: float | None, modules: nn.Module) -> None:
        """One more epoch is done."""
        self.epoch += 1
        if score is not None and score > self.best_score:
            self.best_epoch, self.best_score = self.epoch, score
            self.best_weights = {name: tensor.detach().clone() for name, tensor in modules.state_dict().items()}

    def is_over(self, patience: int) -> bool:
        """Whether `patience` epochs have gone by since the best."""
        return self.best_weights is not None and self.epoch - self.best_epoch >= patience


def save_checkpoint(
    path: Path, progress: Progress, modules: nn.Module, optimisers: list[torch.optim.Optimizer]
) -> None:
    """Replace the file in one step: a training that is killed meanwhile goes on from the epoch before."""
    unfinished = path.with_suffix(".unfinished")
    torch.save(
        {
            "progress": vars(progress),
            "modules": modules.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        },
        unfinished,
    )
    os.replace(unfinished, path)


def load_checkpoint(path: Path | None, modules: nn.Module, optimisers: list[torch.optim.Optimizer]) -> Progress:
    """What `save_checkpoint` wrote, put into `modules` and `optimisers`; the very beginning where there is no file."""
    if path is None or not path.exists():
        return Progress()
    saved = torch.load(path, map_location="cpu", weights_only=True)
    modules.load_state_dict(saved["modules"])
    for optimiser, state in zip(optimisers, saved["optimisers"], strict=True):
        optimiser.load_state_dict(state)
    return Progress(**saved["progress"])
