"""A piece of the loop: one arm in one world with one seed, and what is kept of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

WARM_UP = "warm-up"
TOLD, CONTROL = "rounds.json", "control.json"


@dataclass(frozen=True)
class Piece:
    """arm: a key of `ARMS`, or `WARM_UP`.  folder: of all pieces of this world, seed and size.
    database_url, redis_url: of servers that run."""

    arm: str
    seed: int
    world: str
    readers: int
    items: int
    rounds: int
    folder: Path
    database_url: str
    redis_url: str

    @property
    def own(self) -> Path:
        return self.folder / self.arm

    @property
    def name(self) -> str:
        """Of its database."""
        return f"{self.folder.parent.name}-{self.folder.name}-{self.arm}"

    def told(self) -> list[dict[str, Any]]:
        """What its finished rounds were."""
        path = self.own / TOLD
        found: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
        return found

    def is_finished(self) -> bool:
        return len(self.told()) >= (1 if self.arm == WARM_UP else self.rounds)

    def arguments(self) -> str:
        return json.dumps({**asdict(self), "folder": str(self.folder)})

    @classmethod
    def of_arguments(cls, text: str) -> Piece:
        said = json.loads(text)
        return cls(**{**said, "folder": Path(said["folder"])})
