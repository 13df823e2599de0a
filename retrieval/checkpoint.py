"""How far a training has come: in memory, and as a file to go on from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn


@dataclass
class Progress:
    """epoch: how many are done.  rows: that they learned from, all together.  best_*: of the epoch with the highest
    validation score, where there is one."""

    epoch: int = 0
    rows: int = 0
    best_epoch: int = 0
    best_score: float = -1.0
    best_weights: dict[str, Any] | None = None

    def advance(self, rows: int, score: float | None, modules: nn.Module) -> None:
        """One more epoch is done."""
        self.epoch += 1
        self.rows += rows
        if score is not None and score > self.best_score:
            self.best_epoch, self.best_score = self.epoch, score
            self.best_weights = {name: tensor.detach().clone() for name, tensor in modules.state_dict().items()}

    def is_over(self, patience: int) -> bool:
        """Whether `patience` epochs have gone by since the best."""
        return self.best_weights is not None and self.epoch - self.best_epoch >= patience


def digest_of(parts: Iterable[str | np.ndarray | Path]) -> str:
    """Of texts, arrays and what files hold, in order: equal for two trainings that learn the same."""
    found = hashlib.sha256()
    for part in parts:
        found.update(_digest(part))
    return found.hexdigest()


def _digest(part: str | np.ndarray | Path) -> bytes:
    if isinstance(part, Path):
        with part.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    return hashlib.sha256(part.encode() if isinstance(part, str) else np.ascontiguousarray(part).data).digest()


def save_checkpoint(
    path: Path, digest: str, progress: Progress, modules: nn.Module, optimisers: list[torch.optim.Optimizer]
) -> None:
    """Replace the file in one step: a training that is killed meanwhile goes on from the epoch before.

    digest: says which training this is, see `digest_of`.
    """
    unfinished = path.with_suffix(".unfinished")
    torch.save(
        {
            "digest": digest,
            "progress": vars(progress),
            "modules": modules.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        },
        unfinished,
    )
    os.replace(unfinished, path)


def load_checkpoint(
    path: Path | None, digest: str, modules: nn.Module, optimisers: list[torch.optim.Optimizer]
) -> Progress:
    """What `save_checkpoint` wrote, put into `modules` and `optimisers`; the very beginning where there is no file, or
    one of another training.

    Another one is no error: what a periodic job left behind when it was stopped must not stop the next, which has
    learned of more since.
    """
    if path is None or not path.exists():
        return Progress()
    saved = torch.load(path, map_location="cpu", weights_only=True)
    if saved.get("digest") != digest:
        return Progress()
    modules.load_state_dict(saved["modules"])
    for optimiser, state in zip(optimisers, saved["optimisers"], strict=True):
        optimiser.load_state_dict(state)
    return Progress(**saved["progress"])
